-- stored_contacts/of_segment · grain: one row per contact that passes a filter, in contact order · {where}: data.segment_sql
select
    contacts.person_key,
    contacts.msisdn,
    contacts.region,
    contacts.external_id,
    contacts.first_name,
    contacts.last_name,
    contacts.language,
    contacts.time_zone,
    contacts.attributes
from contacts
where {where}
order by contacts.contact;
