-- analytics/messages · grain: one row per message · $files: the folded messages of the lake, one file a run
create view messages as
select
    m.run,
    r.run_key,
    r.campaign,
    m.batch,
    m.row,
    m.message_id,
    m.source_row,
    m.person_key,
    m.masked_msisdn,
    m.external_id,
    m.country,
    m.sender_id,
    m.encoding,
    m.segments,
    m.price,
    m.currency,
    m.variant,
    m.consent_basis,
    m.consent_source,
    m.consent_at,
    m.not_before,
    m.not_after,
    m.status,
    m.error_kind,
    m.error_code,
    m.stop_reason,
    m.decision,
    m.receipt,
    m.receipt_code,
    m.receipt_at,
    m.claimed_at,
    m.settled_at,
    m.accepted_at,
    m.attempts,
    m.gateway_message_id,
    m.possible_duplicate
from (
    select *
    from read_parquet($files, union_by_name = true)
    union all by name  -- runs that were folded by an earlier version say nothing of consents
    select null::varchar as consent_basis, null::varchar as consent_source, null::timestamp as consent_at
    where false
) as m
left join runs as r on r.run = m.run;

comment on view messages is 'One row per planned message with the last that is known of it. Instants are UTC.';
comment on column messages.batch is 'batch of the run, from 0; one task submits it';
comment on column messages.row is 'place in the batch, from 0; (run, batch, row) names a message in every view';
comment on column messages.source_row is 'row of the source file as a spreadsheet counts it (the header is row 1); of stored people, the place in contact order';
comment on column messages.person_key is 'the same person in every run, by a keyed hash of the number';
comment on column messages.external_id is 'the id that the source gave the person: join your own tables by it';
comment on column messages.country is 'ISO 3166 code of the number';
comment on column messages.segments is 'parts that the gateway bills';
comment on column messages.price is 'of the whole message, in currency';
comment on column messages.consent_basis is
    'what it rests on, as of its plan: attested (for all, by the campaign) | row (a yes in the source) | stored (a yes recorded before)';
comment on column messages.consent_source is 'that in words: the campaign''s note, the source and its column, or where the yes was given';
comment on column messages.consent_at is 'when the yes was given; null: not known';
comment on column messages.status is
    'accepted | rejected | unsent (surely not sent) | unconfirmed (perhaps sent) | stopped | in_flight | not_yet_claimed';
comment on column messages.error_kind is 'why it was not accepted, in one vocabulary over all gateways';
comment on column messages.error_code is 'the same in the gateway''s own code, verbatim';
comment on column messages.stop_reason is 'why a planned message is never to be sent: opted_out, too_late, …';
comment on column messages.decision is 'what a person decided on an unconfirmed message: assumed sent | send again';
comment on column messages.receipt is
    'delivered, read, undelivered, expired, rejected, failed, canceled are final; scheduled, queued, sent, unknown are not';
comment on column messages.receipt_code is 'the gateway''s own code of the receipt, verbatim';
comment on column messages.receipt_at is 'when the receipt says it happened, else when it came';
comment on column messages.claimed_at is 'when it was first about to be submitted';
comment on column messages.settled_at is 'when the gateway''s last answer was written down';
comment on column messages.attempts is 'how often it was claimed; in a claim that was held back no byte left';
comment on column messages.possible_duplicate is 'evidence that a second copy may have been taken by the gateway';
