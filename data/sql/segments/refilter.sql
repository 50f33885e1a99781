-- segments/refilter · the same filter, with the new name of a list or tag in it
update segments
set filter = :filter,
    changed_at = :at,
    changed_by = :by
where segment = :segment;
