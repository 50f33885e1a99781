-- lists/hold · nobody deletes it before this transaction is through; no row: it is gone
update lists
set name = name
where list = :list;
