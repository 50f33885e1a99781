-- restores/cancelled · grain: one row per run that was moved: planned since the backup, perhaps, and sent
update runs
set state = :state,
    state_reason = :reason,
    state_at = :now,
    finished_at = :now
where frozen_at is null
  and state <> 'cancelled'
returning run;
