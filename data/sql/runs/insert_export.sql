-- runs/insert_export · a lake twin that the freeze wrote; file is relative to the lake
insert into exports (kind, run, file, n_rows, created_at)
values (:kind, :run, :file, :n_rows, :now);
