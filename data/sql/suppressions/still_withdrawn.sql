-- suppressions/still_withdrawn · grain: one row when the latest word of :person_key on :purpose is a no
select at
from consents
where person_key = :person_key
  and purpose = :purpose
  and is_current
  and not is_given;
