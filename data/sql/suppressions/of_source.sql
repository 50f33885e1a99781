-- suppressions/of_source · grain: one row per scope, reason, and whether it stays when its source is lifted · :scope null: of all
-- Stays: what one of :kept_reasons says, somebody who was forgotten, and a purpose to which the newest word is a no.
select scope, reason, is_kept, count(*) as n
from (
    select
        scope, reason,
        lower(reason) in :kept_reasons
        or exists (
            select 1
            from suppressions as everywhere
            where everywhere.person_key = listed.person_key
              and everywhere.scope = ''
              and everywhere.reason = 'forgotten'
        )
        or exists (
            select 1
            from consents
            where consents.person_key = listed.person_key
              and 'purpose:' || consents.purpose = listed.scope
              and consents.is_current
              and not consents.is_given
        ) as is_kept
    from suppressions as listed
    where source = :source
      and (cast(:scope as text) is null or scope = :scope)
) as judged
group by scope, reason, is_kept
order by scope, n desc, reason, is_kept;
