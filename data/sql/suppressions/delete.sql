-- suppressions/delete · one person may be texted again in one scope
delete from suppressions
where person_key = :person_key
  and scope = :scope;
