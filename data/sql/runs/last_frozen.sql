-- runs/last_frozen · grain: at most one row, the run that a campaign last froze · :but null: of all its runs
select run, n_source_rows, n_contacts
from runs
where campaign = :campaign
  and frozen_at is not null
  and (cast(:but as integer) is null or run <> :but)
order by run desc
limit 1;
