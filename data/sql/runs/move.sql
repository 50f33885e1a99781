-- runs/move · compare-and-set of a run's state; no row: it was in none of :states
update runs
set
    state = :to,
    state_reason = :reason,
    state_at = :now,
    started_at = case when :to = 'sending' then coalesce(started_at, :now) else started_at end,
    finished_at = case when :is_over then :now end
where run = :run
    and state in :states
    -- after a restore nobody sends until a person has looked for opt-outs that are missing here
    and (:to <> 'sending' or not exists (select 1 from restores where opt_outs_checked_at is null));
