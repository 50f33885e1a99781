-- segments/all · grain: one row per segment, by name
select segment, description, filter, created_at, changed_at, changed_by
from segments
order by segment;
