-- lake/superseded_files · grain: one row per file that has not been given to anybody since :before
select export, kind, run, file, n_rows
from exports
where superseded_at < :before
order by export;
