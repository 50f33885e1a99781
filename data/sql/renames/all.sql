-- renames/all · grain: one row per name of a list, tag or segment that was given up for another, as they were made, whatever a clock said
select at, who, details
from audit_log
where what = 'rename'
order by entry;
