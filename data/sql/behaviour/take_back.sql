-- behaviour/take_back · a message that was in doubt, and never sent; somebody forgotten is not written down again
update behaviour
set texted_at = null,
    delivered_at = null,
    failed_at = null
where person_key = :person_key
  and run = :run;
