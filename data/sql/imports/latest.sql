-- imports/latest · grain: one row per import, the latest first, :most of them
select
    import, name, source, fingerprint, state, state_reason, n_rows, n_new, n_changed, n_same, n_double, n_rejects,
    folder, started_at, finished_at, "by"
from imports
order by import desc
limit :most;
