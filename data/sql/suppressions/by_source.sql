-- suppressions/by_source · grain: one row per source of all suppressions, the largest first
select source, count(*) as n
from suppressions
group by source
order by n desc, source;
