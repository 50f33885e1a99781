-- stored_contacts/of_segment · grain: as of_list, of the contacts that pass a filter · {where}: data.segment_sql
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
from contacts
{given}
where {where}
order by contacts.contact;
