-- segments/has_run · grain: one row: whether there is such a run
select exists (select 1 from runs where run = :run);
