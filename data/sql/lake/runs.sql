-- lake/runs · grain: one row per run, as analysts see it
select
    run,
    run_key,
    campaign,
    account,
    state,
    state_reason,
    origin,
    is_simulated,
    created_at,
    scheduled_at,
    frozen_at,
    started_at,
    finished_at,
    n_source_rows as source_rows,
    n_rejects as rejects,
    n_contacts as contacts,
    n_excluded as excluded,
    n_audience as audience,
    n_holdout as holdout,
    n_messages as messages,
    n_batches as batches,
    segments,
    cost,
    currency,
    validity_s
from runs
order by run;
