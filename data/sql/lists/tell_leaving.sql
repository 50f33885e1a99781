-- lists/tell_leaving · and who leaves now
insert into contact_changes (person_key, at, "by", kind, fields)
select contacts.person_key, :at, :by, 'unlisted', :ended
from list_members
join contacts on contacts.contact = list_members.contact
where list_members.list = :list
  and list_members.contact in :contacts
order by list_members.contact;
