-- restores/paused · grain: one row per run that was moved: frozen, and not over for good
update runs
set state = :state,
    state_reason = :reason,
    state_at = :now,
    finished_at = null
where frozen_at is not null
  and state not in ('cancelled', 'finished')
returning run;
