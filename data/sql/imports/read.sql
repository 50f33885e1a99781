-- imports/read · grain: the import of this number
select
    import, name, source, fingerprint, state, state_reason, n_rows, n_new, n_changed, n_same, n_double, n_rejects,
    folder, started_at, finished_at, "by"
from imports
where import = :import;
