-- lake/begin_export · a number for a file that is about to be written; its row names no file yet
insert into exports (kind, run, created_at)
values (:kind, :run, :now)
returning export;
