-- forgotten/consents_before · what they said before, by the index of its own
delete from consents
where not is_current
  and person_key in :person_keys;
