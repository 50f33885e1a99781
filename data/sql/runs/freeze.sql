-- runs/freeze · what a plan came to, and the state it starts in; no row: the run was not in planning
update runs
set
    run_key = :run_key,
    state = :to,
    state_reason = :reason,
    state_at = :now,
    frozen_at = :now,
    started_at = case when :to = 'sending' then :now end,
    source_fingerprint = :source_fingerprint,
    text_fingerprint = :text_fingerprint,
    plan_fingerprint = :plan_fingerprint,
    n_source_rows = :source_rows,
    n_rejects = :n_rejects,
    n_contacts = :contacts,
    n_excluded = :n_excluded,
    n_audience = :audience,
    n_holdout = :holdout,
    n_messages = :messages,
    n_batches = :n_batches,
    batch_size = :batch_size,
    segments = :segments,
    cost = :cost,
    currency = :currency,
    validity_s = :validity_s,
    purpose = :purpose,
    guards = :guards,
    folder = :folder
where run = :run and state = 'planning';
