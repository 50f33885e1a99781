-- runs/gateways · grain: one row per run: through which kind of gateway it goes, and where its files lie
select runs.run, runs.account, runs.is_simulated, runs.folder, accounts.kind
from runs
join accounts on accounts.account = runs.account;
