-- lake/owed_replies · grain: one row per export whose replies are not in behaviour yet
select export, n_rows as of_export
from exports
where kind = 'replies'
order by export;
