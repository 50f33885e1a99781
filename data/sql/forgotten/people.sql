-- forgotten/people · grain: one row per person who asked to be forgotten
select person_key
from suppressions
where scope = ''
  and reason = 'forgotten';
