-- analytics/events · grain: one row per event and message · $files: the events of the lake
create view events as
select *
from read_parquet($files);

comment on view events is
    'Everything that happened, append-only: one row per event and message; events about no message have no row number. UTC.';
comment on column events.event is 'the order in which the ledger changed';
comment on column events.kind is
    'claim | outcomes | late | doubt | stop | receipts | adopted | decision | run | reply | suppression | lift';
comment on column events.status is 'what the event says of the message; of a receipt when kind is receipts';
comment on column events.code is 'the gateway''s own code, verbatim';
comment on column events.attempt is 'requests on the wire so far, in this execution of the batch';
comment on column events.possible_duplicate is 'a second copy may have been taken by the gateway';
comment on column events.done_at is 'when the receipt says it happened';
