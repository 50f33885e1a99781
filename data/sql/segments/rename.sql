-- segments/rename · under a name that is free
update segments
set segment = :new,
    changed_at = :at,
    changed_by = :by
where segment = :old;
