-- lists/hold · nobody deletes it before this transaction is through; no row: it is deleted
update lists
set name = name
where list = :list
  and kind in ('list', 'tag');
