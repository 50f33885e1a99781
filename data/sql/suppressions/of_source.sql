-- suppressions/of_source · grain: one row per scope, reason, stored source, and whether it stays when that is lifted, of all that
-- have the text of a list in their source · :alone and :named: see shared_source · :scope null: of all scopes
-- Stays: what one of :kept_reasons says, somebody who was forgotten, and a purpose to which the newest word is a no.
select scope, reason, source, is_kept, count(*) as n
from (
    select
        scope, reason, source,
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
    where (source in :alone or replace(' + ' || source || ' + ', :named, '') <> ' + ' || source || ' + ')
      and (cast(:scope as text) is null or scope = :scope)
) as judged
group by scope, reason, source, is_kept
order by scope, n desc, reason, source, is_kept;
