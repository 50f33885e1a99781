-- behaviour/loaded_at · grain: one row; null: nothing was ever loaded
select max(created_at)
from exports
where kind = 'behaviour';
