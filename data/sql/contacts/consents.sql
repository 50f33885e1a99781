-- contacts/consents · grain: one row per person and purpose: what counts now, of the people asked for
select consent, person_key, purpose, is_given, at, source, evidence, recorded_by
from consents
where is_current
  and person_key in :person_keys
order by purpose;
