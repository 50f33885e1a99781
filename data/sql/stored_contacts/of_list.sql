-- stored_contacts/of_list · grain: one row per contact in a list or tag, in contact order
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
from list_members
join contacts on contacts.contact = list_members.contact
where list_members.list = :list
order by list_members.contact;
