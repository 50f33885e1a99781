-- lists/remove_members
delete from list_members
where list = :list
  and contact in :contacts;
