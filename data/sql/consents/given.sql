-- consents/given · grain: one row per person who has agreed to the purpose, of the people asked for · :person_keys: JSON list
select
    person_key,
    source,
    case when at > 0 then at end as at,
    evidence
from consents
where is_current
  and is_given
  and purpose = :purpose
  and person_key in (select value from json_each(:person_keys));
