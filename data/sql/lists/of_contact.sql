-- lists/of_contact · grain: one row per list or tag that :contact is in, or was in when it was deleted
select lists.list, lists.kind, lists.name, lists.description, list_members.added_at, list_members.added_by
from list_members
join lists on lists.list = list_members.list
where list_members.contact = :contact
order by lists.list;
