-- pages/drop · a page that told nothing new
delete from receipt_pages
where page = :page;
