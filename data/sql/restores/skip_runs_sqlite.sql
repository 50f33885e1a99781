-- restores/skip_runs_sqlite · SQLite · grain: one row, the last number that is given up · a fresh store has no row to change
insert or replace into sqlite_sequence (rowid, name, seq)
select
    (select rowid from sqlite_sequence where name = 'runs'),
    'runs',
    coalesce((select seq from sqlite_sequence where name = 'runs'), 0) + :skipped
returning seq;
