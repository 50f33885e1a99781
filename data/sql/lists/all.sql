-- lists/all · grain: one row per list or tag of a kind, with how many people are in it
select lists.list, lists.name, lists.description, lists.created_at, count(list_members.contact) as n_members
from lists
left join list_members on list_members.list = lists.list
where lists.kind = :kind
group by lists.list, lists.name, lists.description, lists.created_at
order by lists.name;
