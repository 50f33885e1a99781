-- lists/insert · one list or tag; one of this name stays as it is
insert into lists (kind, name, description, created_at)
values (:kind, :name, :description, :at)
on conflict (kind, name) do nothing;
