-- contacts/some · grain: one row per contact, the first :most in the order they were added · a parameter that is null asks nothing
-- :text_1 … :text_4: patterns in lower case, for stores that know the case of ASCII only; :digits: part of a number
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
    cast(:text_1 as text) is null
    or lower(coalesce(first_name, '') || ' ' || coalesce(last_name, '')) like :text_1 escape '!'
    or lower(coalesce(first_name, '') || ' ' || coalesce(last_name, '')) like :text_2 escape '!'
    or lower(coalesce(first_name, '') || ' ' || coalesce(last_name, '')) like :text_3 escape '!'
    or lower(coalesce(first_name, '') || ' ' || coalesce(last_name, '')) like :text_4 escape '!'
    or lower(external_id) like :text_1 escape '!'
    or msisdn like cast(:digits as text)
)
order by contact
limit :most;
