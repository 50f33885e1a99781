-- forgotten/consents · what they said last, with its evidence
delete from consents
where is_current
  and person_key in :person_keys;
