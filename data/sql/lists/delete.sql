-- lists/delete · one that is held, and that nobody is in any more
delete from lists
where list = :list;
