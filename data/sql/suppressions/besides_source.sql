-- suppressions/besides_source · grain: one row per scope and reason that people of a list have besides
-- :alone and :named: see shared_source · :scope null: of all scopes
with told as (
    select
        person_key, scope, reason,
        (source in :alone or replace(' + ' || source || ' + ', :named, '') <> ' + ' || source || ' + ')
        and (cast(:scope as text) is null or scope = :scope) as is_listed
    from suppressions
)
select scope, reason, count(*) as n
from told
where not is_listed
  and person_key in (select person_key from told where is_listed)
group by scope, reason
order by scope, n desc, reason;
