-- stored_contacts/of_list · grain: one row per contact in a list or tag, in contact order · {given}: given, or nobody_asked
select
    contacts.person_key,
    contacts.msisdn,
    contacts.region,
    contacts.external_id,
    contacts.first_name,
    contacts.last_name,
    contacts.language,
    contacts.time_zone,
    contacts.attributes,
    given.source as consent_source,
    case when given.at > 0 then given.at end as consent_at,
    given.evidence as consent_evidence
from list_members
join contacts on contacts.contact = list_members.contact
{given}
where list_members.list = :list
order by list_members.contact;
