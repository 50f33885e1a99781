-- analytics/campaign_funnel · grain: one row per run; the equations of the ledger hold in every row
create macro utc_now() as make_timestamp(epoch_us(now()));

create view campaign_funnel as
with standing as (
    select
        m.run,
        m.status,
        m.decision,
        m.segments,
        m.price,
        m.claimed_at,
        m.settled_at,
        m.possible_duplicate,
        case
            when m.status <> 'accepted' then null
            when m.receipt in ('delivered', 'read', 'undelivered', 'expired', 'rejected', 'failed', 'canceled')
                then m.receipt
            when m.settled_at + to_seconds(r.validity_s) <= utc_now() then 'no_receipt'
            else 'waiting'
        end as delivery
    from messages as m
    join runs as r on r.run = m.run
),
counted as (
    select
        run,
        count(*) filter (where status = 'accepted') as accepted,
        count(*) filter (where status = 'rejected') as rejected,
        count(*) filter (where status = 'unsent') as unsent,
        count(*) filter (where status = 'unconfirmed') as unconfirmed,
        count(*) filter (where status = 'unconfirmed' and decision = 'assumed sent') as assumed_sent,
        count(*) filter (where status = 'in_flight') as in_flight,
        count(*) filter (where status = 'not_yet_claimed') as not_yet_claimed,
        count(*) filter (where status = 'stopped') as stopped,
        count(*) filter (where possible_duplicate) as possible_duplicates,
        count(*) filter (where delivery = 'delivered') as delivered,
        count(*) filter (where delivery = 'read') as read,
        count(*) filter (where delivery = 'undelivered') as undelivered,
        count(*) filter (where delivery = 'expired') as expired,
        count(*) filter (where delivery = 'rejected') as rejected_later,
        count(*) filter (where delivery = 'failed') as failed,
        count(*) filter (where delivery = 'canceled') as canceled,
        count(*) filter (where delivery = 'waiting') as waiting,
        count(*) filter (where delivery = 'no_receipt') as no_receipt,
        sum(segments) filter (where status = 'accepted') as accepted_segments,
        round(sum(price) filter (where status = 'accepted'), 6) as accepted_cost,
        min(claimed_at) as first_claimed_at,
        max(settled_at) as last_settled_at
    from standing
    group by run
)
select
    r.run,
    r.run_key,
    r.campaign,
    r.state,
    r.is_simulated,
    r.source_rows,
    r.rejects,
    r.contacts,
    r.excluded,
    r.audience,
    r.holdout,
    r.messages,
    coalesce(c.accepted, 0) as accepted,
    coalesce(c.rejected, 0) as rejected,
    coalesce(c.unsent, 0) as unsent,
    coalesce(c.unconfirmed, 0) as unconfirmed,
    coalesce(c.assumed_sent, 0) as assumed_sent,
    coalesce(c.in_flight, 0) as in_flight,
    coalesce(c.not_yet_claimed, 0) as not_yet_claimed,
    coalesce(c.stopped, 0) as stopped,
    coalesce(c.possible_duplicates, 0) as possible_duplicates,
    coalesce(c.delivered, 0) as delivered,
    coalesce(c.read, 0) as read,
    coalesce(c.undelivered, 0) as undelivered,
    coalesce(c.expired, 0) as expired,
    coalesce(c.rejected_later, 0) as rejected_later,
    coalesce(c.failed, 0) as failed,
    coalesce(c.canceled, 0) as canceled,
    coalesce(c.waiting, 0) as waiting,
    coalesce(c.no_receipt, 0) as no_receipt,
    r.segments,
    r.cost,
    coalesce(c.accepted_segments, 0)::bigint as accepted_segments,
    coalesce(c.accepted_cost, 0) as accepted_cost,
    r.currency,
    (c.delivered + c.read) / nullif(c.accepted, 0) as delivery_rate,
    c.first_claimed_at,
    c.last_settled_at
from runs as r
left join counted as c on c.run = r.run;

comment on view campaign_funnel is
    'One row per run: source_rows = rejects + contacts, contacts = excluded + audience, audience = messages + holdout, messages = accepted + rejected + unsent + unconfirmed + in_flight + not_yet_claimed + stopped, accepted = delivered + … + waiting + no_receipt.';
comment on column campaign_funnel.accepted is 'the gateway took them; not yet delivered';
comment on column campaign_funnel.unsent is 'surely not sent; running the batch again sends them';
comment on column campaign_funnel.unconfirmed is 'perhaps sent; never sent again by itself';
comment on column campaign_funnel.assumed_sent is 'of the unconfirmed: a person decided to take them for sent';
comment on column campaign_funnel.possible_duplicates is
    'messages of which the gateway may have taken a second copy, wherever they stand';
comment on column campaign_funnel.rejected_later is 'accepted at first, rejected by a receipt';
comment on column campaign_funnel.waiting is 'accepted, and a receipt may still come';
comment on column campaign_funnel.no_receipt is 'accepted, no final receipt, and the validity is over';
comment on column campaign_funnel.segments is 'of all planned messages';
comment on column campaign_funnel.cost is 'of all planned messages, in currency';
comment on column campaign_funnel.accepted_cost is 'of the accepted messages, in currency';
comment on column campaign_funnel.delivery_rate is '(delivered + read) / accepted; null while nothing is accepted';
