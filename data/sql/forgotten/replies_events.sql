-- forgotten/replies_events · grain: one row per event of a reply
select event, payload
from events
where kind = 'reply';
