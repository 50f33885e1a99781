-- analytics/receipts · grain: one row per delivery report of a message of ours; a repeated one is not counted twice
create view receipts as
select
    e.run,
    r.campaign,
    e.batch,
    e.row,
    e.gateway_message_id,
    e.part,
    e.status,
    e.code,
    e.done_at,
    e.happened_at as received_at
from events as e
left join runs as r on r.run = e.run
where e.kind = 'receipts';

comment on view receipts is
    'One row per delivery report, several a message; messages.receipt is the one that counts. Instants are UTC.';
comment on column receipts.part is 'part of a long message; 0: the report speaks of the whole';
comment on column receipts.code is 'the gateway''s own code, verbatim';
comment on column receipts.done_at is 'when the gateway says it happened';
