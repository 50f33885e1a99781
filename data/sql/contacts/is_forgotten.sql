-- contacts/is_forgotten · grain: one row when :person_key asked to be forgotten
select at
from suppressions
where person_key = :person_key
  and scope = ''
  and reason = 'forgotten';
