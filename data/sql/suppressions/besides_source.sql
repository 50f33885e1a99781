-- suppressions/besides_source · grain: one row per scope and reason that people of :source have besides · :scope null: of all scopes
select besides.scope, besides.reason, count(distinct besides.person_key) as n
from suppressions as listed
join suppressions as besides on besides.person_key = listed.person_key
where listed.source = :source
  and (cast(:scope as text) is null or listed.scope = :scope)
  and (besides.source <> :source or besides.scope <> coalesce(cast(:scope as text), besides.scope))
group by besides.scope, besides.reason
order by besides.scope, n desc, besides.reason;
