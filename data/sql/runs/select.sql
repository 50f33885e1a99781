-- runs/select · grain: one row per run, filtered by whichever parameters are not null, the latest first
select
    run,
    run_key,
    campaign,
    flow_run_id,
    state,
    state_reason,
    state_at,
    origin,
    is_simulated,
    account,
    created_at,
    scheduled_at,
    frozen_at,
    started_at,
    finished_at,
    source_fingerprint,
    text_fingerprint,
    plan_fingerprint,
    n_source_rows,
    n_rejects,
    n_contacts,
    n_excluded,
    n_audience,
    n_holdout,
    n_messages,
    n_batches,
    batch_size,
    segments,
    cost,
    currency,
    validity_s,
    folder,
    same_plan_as,
    purpose
from runs
where (cast(:run as integer) is null or run = :run)
    and (cast(:run_key as text) is null or run_key = :run_key)
    and (cast(:flow_run_id as text) is null or flow_run_id = :flow_run_id)
order by run desc
limit :most;
