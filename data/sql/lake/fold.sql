-- lake/fold · DuckDB · grain: one row per message of some batches of one run: what was planned, and the last
-- that is known of it. $planned, $events: files; $run: the run; $first_batch to $last_batch: inclusive. The ledger writes its events in the order in which it changed, so the
-- latest one of a message says where it stands. A late outcome changed nothing in the ledger, and changes nothing here.
with told as (
    select *
    from read_parquet($events)
    where run = $run
      and batch between $first_batch and $last_batch
      and row is not null
),
standing as (
    select
        batch,
        row,
        arg_max(
            {
                'status': status,
                'error_kind': error_kind,
                'error_code': code,
                'stop_reason': reason,
                'gateway_message_id': nullif(gateway_message_id, '')
            },
            event
        ) filter (where kind in ('claim', 'outcomes', 'doubt', 'stop', 'adopted', 'decision')) as last,
        max(happened_at) filter (
            where kind in ('outcomes', 'doubt', 'stop', 'adopted')
               or (kind = 'decision' and decision = 'send again')
        ) as settled_at,
        -- Two events of one commit may both say accepted: an outcome, and the receipt that had proved it.
        min(happened_at) filter (where status_code = 1 and kind in ('outcomes', 'doubt', 'adopted')) as accepted_at,
        arg_max(decision, event) filter (where kind = 'decision') as decision,
        min(happened_at) filter (where kind = 'claim') as claimed_at,
        count(*) filter (where kind = 'claim') as attempts,
        coalesce(bool_or(possible_duplicate), false) as possible_duplicate,
        -- The highest status wins and, among equals, the first: the shift leaves the lower 48 bits to the event.
        arg_max(
            {
                'receipt': status,
                'receipt_code': code,
                'receipt_at': coalesce(done_at, happened_at),
                'gateway_message_id': nullif(gateway_message_id, '')
            },
            (status_code::bigint << 48) - event
        ) filter (where kind = 'receipts') as proof
    from told
    group by batch, row
)
select
    planned.run,
    planned.message_id,
    planned.batch,
    planned.row,
    planned.source_row,
    planned.person_key,
    planned.masked_msisdn,
    planned.external_id,
    planned.country,
    planned.sender_id,
    planned.encoding,
    planned.segments,
    planned.price,
    planned.currency,
    planned.variant,
    planned.consent_basis,
    planned.consent_source,
    make_timestamp((planned.consent_at * 1e6)::bigint) as consent_at,
    make_timestamp((planned.not_before * 1e6)::bigint) as not_before,
    make_timestamp((planned.not_after * 1e6)::bigint) as not_after,
    coalesce(standing.last.status, 'not_yet_claimed') as status,
    standing.last.error_kind as error_kind,
    standing.last.error_code as error_code,
    standing.last.stop_reason as stop_reason,
    standing.decision,
    coalesce(standing.last.gateway_message_id, standing.proof.gateway_message_id) as gateway_message_id,
    coalesce(standing.attempts, 0)::integer as attempts,
    coalesce(standing.possible_duplicate, false) as possible_duplicate,
    standing.claimed_at,
    case when standing.last.status <> 'in_flight' then standing.settled_at end as settled_at,
    case when standing.last.status = 'accepted' then standing.accepted_at end as accepted_at,
    standing.proof.receipt as receipt,
    standing.proof.receipt_code as receipt_code,
    standing.proof.receipt_at as receipt_at
from (
    select *
    from read_parquet($planned)
    union all by name  -- a twin of an earlier version says nothing of consents
    select null::varchar as consent_basis, null::varchar as consent_source, null::double as consent_at
    where false
) as planned
left join standing on standing.batch = planned.batch and standing.row = planned.row
where planned.batch between $first_batch and $last_batch
order by planned.batch, planned.row;
