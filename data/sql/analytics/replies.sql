-- analytics/replies · grain: one row per message that a person sent us; its text stays in the store
create view replies as
select happened_at as received_at, account, person_key, is_stop
from events
where kind = 'reply';

comment on view replies is 'One row per message from a person, without its text. Instants are UTC.';
comment on column replies.is_stop is 'the whole message asks for no more, so the person is suppressed';
