-- consents/everybody_given · grain: one row per person who has agreed to the purpose
-- coalesce keeps SQLite off the index of current consents: by it, each row would be looked up at random
select
    person_key,
    source,
    case when at > 0 then at end as at,
    evidence
from consents
where coalesce(is_current, false)
  and is_given
  and purpose = :purpose;
