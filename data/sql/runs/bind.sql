-- runs/bind · a run in planning for a flow run; none when its flow run or its key is bound already
insert into runs (run_key, campaign, flow_run_id, state, state_at, origin, is_simulated, account, created_at, scheduled_at)
values (:run_key, :campaign, :flow_run_id, 'planning', :now, :origin, :is_simulated, :account, :now, :scheduled_at)
on conflict do nothing;
