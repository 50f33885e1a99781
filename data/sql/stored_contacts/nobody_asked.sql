-- stored_contacts/nobody_asked · in the place of given: to look for each contact costs more than to read it
left join (
    select
        cast(null as text) as source,
        cast(null as double precision) as at,
        cast(null as text) as evidence
    where false
) as given
    on false
