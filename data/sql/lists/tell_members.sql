-- lists/tell_members · what these memberships said goes to the history: when each began, before it ends
insert into contact_changes (person_key, at, "by", kind, fields)
select contacts.person_key, list_members.added_at, list_members.added_by, 'listed', :began
from list_members
join contacts on contacts.contact = list_members.contact
where list_members.list = :list
  and list_members.contact in :contacts
order by list_members.contact;
