-- segments/only_simulated · grain: one row: whether runs began to send, and all of them through a simulator
select
    exists (select 1 from runs where started_at is not null)
    and not exists (select 1 from runs where started_at is not null and not is_simulated);
