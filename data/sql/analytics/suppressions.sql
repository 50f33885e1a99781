-- analytics/suppressions · grain: one row per person and scope that was suppressed, at the first time
create view suppressions as
select happened_at as suppressed_at, person_key, scope, reason, source
from events
where kind = 'suppression'
qualify row_number() over (partition by person_key, scope order by event) = 1;

comment on view suppressions is 'One row per person and scope that must not be texted. Instants are UTC.';
comment on column suppressions.scope is 'empty: everywhere; else a sender ID or a gateway account';
