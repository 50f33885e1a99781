-- analytics/suppressions · grain: one row per person and scope that is suppressed, at the first time since it was last lifted
create view suppressions as
with told as (
    select
        event, happened_at, kind, person_key, scope, reason, source,
        coalesce(max(event) filter (where kind = 'lift') over (partition by person_key, scope), 0) as lifted
    from events
    where kind in ('suppression', 'lift')
)
select
    happened_at as suppressed_at, person_key, scope, reason,
    last_value(source) over (
        partition by person_key, scope, reason
        order by event rows between unbounded preceding and unbounded following
    ) as source
from told
where event > lifted
qualify row_number() over (partition by person_key, scope order by event) = 1;

comment on view suppressions is 'One row per person and scope that must not be texted. Instants are UTC.';
comment on column suppressions.source is 'of several lists that name a person all, with + between them; those that were lifted since are left out';
comment on column suppressions.scope is 'empty: everywhere; else a sender ID, a gateway account, or purpose: and what people agree to';
