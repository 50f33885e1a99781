-- backup/files · grain: one row per folder of a run or an import, and per file of the lake that readers are given
select 'run' as kind, folder as place
from runs
where folder is not null
union all
select 'import', folder
from imports
where folder is not null
union all
select 'lake', file
from exports
where file is not null
  and superseded_at is null
order by 1, 2;
