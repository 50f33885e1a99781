-- renames/all · grain: one row per name of a list, tag or segment that was given up for another, the oldest first
select at, who, details
from audit_log
where what = 'rename'
order by at, entry;
