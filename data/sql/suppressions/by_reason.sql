-- suppressions/by_reason · grain: one row per scope and reason · :scope null: of all scopes
select scope, reason, count(*) as n
from suppressions
where cast(:scope as text) is null
   or scope = :scope
group by scope, reason
order by scope, n desc, reason;
