-- restores/skip_runs_postgresql · PostgreSQL · grain: one row, the last number that is given up
select setval(
    pg_get_serial_sequence('runs', 'run'),
    greatest(nextval(pg_get_serial_sequence('runs', 'run')), (select coalesce(max(run), 0) from runs)) + :skipped
);
