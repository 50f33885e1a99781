-- segments/one_step · grain: one row per contact of the segment · {order}: 'not indexed' for SQLite, or nothing
select contacts.contact
from contacts {order}
where {where}
