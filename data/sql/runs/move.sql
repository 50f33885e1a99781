-- runs/move · compare-and-set of a run's state; no row: it was in none of :states
update runs
set
    state = :to,
    state_reason = :reason,
    state_at = :now,
    started_at = case when :to = 'sending' then coalesce(started_at, :now) else started_at end,
    finished_at = case when :is_over then :now end
where run = :run and state in :states;
