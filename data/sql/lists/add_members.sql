-- lists/add_members · who is in it already stays as they were, and who is no contact any more is passed over
insert into list_members (list, contact, added_at, added_by)
select :list, contact, :at, :by
from contacts
where contact in :contacts
on conflict (list, contact) do nothing;
