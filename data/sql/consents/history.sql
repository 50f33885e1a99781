-- consents/history · grain: one row per statement of one person · in two: each half has an index of its own
select consent, purpose, is_given, at, source, evidence, recorded_at, recorded_by, is_current
from consents
where is_current
  and person_key = :person_key
union all
select consent, purpose, is_given, at, source, evidence, recorded_at, recorded_by, is_current
from consents
where not is_current
  and person_key = :person_key
order by purpose, at desc, consent desc;
