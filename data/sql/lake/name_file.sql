-- lake/name_file · from this commit on, readers are given the file
update exports
set file = :file,
    n_rows = :n_rows,
    created_at = :now
where export = :export;
