-- analytics/runs · grain: one row per run · $files: the runs of the lake
create view runs as
select *
from read_parquet($files)
union all by name  -- a file of an earlier version has no purpose
select null::varchar as purpose
where false;

comment on view runs is 'One row per run: an occurrence of a campaign. Instants are UTC.';
comment on column runs.run is 'number of the run; every other view has it too';
comment on column runs.run_key is 'campaign and scheduled time, or what the person who started it gave; sent at most once';
comment on column runs.origin is 'hand | schedule';
comment on column runs.is_simulated is 'sent through the simulator: nobody got anything';
comment on column runs.validity_s is 'seconds for which a gateway tries to deliver; after that no receipt is waited for';
comment on column runs.cost is 'of all planned messages, in currency';
comment on column runs.purpose is 'what its people have agreed to; whoever withdraws that is texted no more for it';
