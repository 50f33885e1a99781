-- forgotten/blank_page · what a gateway told of somebody who was forgotten
update receipt_pages
set body = :body
where page = :page;
