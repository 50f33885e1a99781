-- lists/rename · one that is held; a name that is taken is refused by a_list_once
update lists
set name = :name
where list = :list;
