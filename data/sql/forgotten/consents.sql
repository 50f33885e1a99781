-- forgotten/consents · what they said, with its evidence
delete from consents
where person_key in :person_keys;
