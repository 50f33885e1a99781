-- segments/find · grain: the segment of this name, or none
select segment, description, filter, created_at, changed_at, changed_by
from segments
where segment = :segment;
