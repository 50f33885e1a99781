-- segments/save · under a name that is free
insert into segments (segment, description, filter, created_at, changed_at, changed_by)
values (:segment, :description, :filter, :at, :at, :by)
on conflict (segment) do nothing;
