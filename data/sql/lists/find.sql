-- lists/find · grain: the one list or tag of this name, or none
select list
from lists
where kind = :kind
  and name = :name;
