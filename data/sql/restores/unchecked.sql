-- restores/unchecked · grain: the earliest restore whose missed opt-outs nobody has looked for, or no row
select backup_at, restored_at
from restores
where opt_outs_checked_at is null
order by backup_at
limit 1;
