-- suppressions/set_source · whose word it is that keeps one person in one scope
update suppressions
set source = :source
where person_key = :person_key
  and scope = :scope;
