-- suppressions/of_source · grain: one row per scope, reason, stored source, and whether it stays when that is lifted, of all that
-- have the text of a list in their source · :alone and :named: see shared_source · {is_kept}: what stays · :scope null: of all scopes
select scope, reason, source, is_kept, count(*) as n
from (
    select scope, reason, source, {is_kept} as is_kept
    from suppressions as listed
    where (source in :alone or replace(' + ' || source || ' + ', :named, '') <> ' + ' || source || ' + ')
      and (cast(:scope as text) is null or scope = :scope)
) as judged
group by scope, reason, source, is_kept
order by scope, n desc, reason, source, is_kept;
