-- lake/people_of_replies · grain: one row per reply of an export
select payload
from events
where export = :export
  and kind = 'reply'
order by event;
