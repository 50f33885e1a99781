-- restores/latest · grain: the latest restore after :since, or no row
select backup_at, restored_at
from restores
where restored_at > :since
order by restored_at desc
limit 1;
