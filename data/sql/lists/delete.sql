-- lists/delete · a list that nobody is in any more
delete from lists
where list = :list
  and not exists (select 1 from list_members where list_members.list = lists.list);
