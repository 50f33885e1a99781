-- accounts/set_rate.sql · another pace: what was reserved last keeps its slot, and the next one follows at the new distance
update accounts
set rate_mps = :rate_mps,
    next_free_at = next_free_at - coalesce(1.0 / rate_mps, 0) + :step_s
where account = :account
