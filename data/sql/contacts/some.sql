-- contacts/some · grain: one row per contact, the first :most in the order they were added · a parameter that is null asks nothing
-- The line of :name is repeated for each way that a name may be written; :digits: part of a number
select
    contact, person_key, msisdn, region, number_type, external_id, first_name, last_name, language, time_zone, attributes,
    source_hash, created_at, changed_at, changed_by
from contacts
where (
    cast(:list as integer) is null
    or exists (select 1 from list_members where list_members.list = :list and list_members.contact = contacts.contact)
)
and (
    cast(:tag as integer) is null
    or exists (select 1 from list_members where list_members.list = :tag and list_members.contact = contacts.contact)
)
and (
    cast(:text as text) is null
    or msisdn like cast(:digits as text)
    or lower(external_id) like :text escape '!'
    or lower(coalesce(first_name, '') || ' ' || coalesce(last_name, '')) like :name escape '!'
)
order by contact
limit :most;
