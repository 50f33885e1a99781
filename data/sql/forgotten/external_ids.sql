-- forgotten/external_ids · grain: one row per contact of these people with an id of its source
select external_id
from contacts
where person_key in :person_keys
  and external_id is not null;
