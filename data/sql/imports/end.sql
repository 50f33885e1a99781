-- imports/end · what came of it; state: finished or failed
update imports
set
    state = :state,
    state_reason = :reason,
    n_rows = :n_rows,
    n_new = :n_new,
    n_changed = :n_changed,
    n_same = :n_same,
    n_double = :n_double,
    n_rejects = :n_rejects,
    folder = :folder,
    finished_at = :now
where import = :import;
