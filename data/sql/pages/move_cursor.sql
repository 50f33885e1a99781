-- pages/move_cursor · where the next pull of an account goes on
update accounts
set receipt_cursor = :cursor
where account = :account;
