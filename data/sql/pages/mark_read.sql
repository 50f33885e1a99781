-- pages/mark_read · no row: somebody else has read it meanwhile
update receipt_pages
set read_at = :now
where page = :page
  and read_at is null;
