-- consents/n_given · grain: one row, how many people have agreed to the purpose
select count(*)
from consents
where coalesce(is_current, false)
  and is_given
  and purpose = :purpose;
