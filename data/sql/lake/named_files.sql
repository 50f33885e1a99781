-- lake/named_files · grain: one row per file of the lake that readers are given
select export, kind, run, file, n_rows
from exports
where file is not null
  and superseded_at is null
order by kind, export;
