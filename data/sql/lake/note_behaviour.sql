-- lake/note_behaviour · behaviour holds what a run's messages file says, as of now; such a row never gets a file
insert into exports (kind, run, n_rows, created_at)
values ('behaviour', :run, :n_rows, :now);
