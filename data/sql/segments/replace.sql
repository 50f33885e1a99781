-- segments/replace · another filter under the same name
update segments
set description = :description,
    filter = :filter,
    changed_at = :at,
    changed_by = :by
where segment = :segment;
