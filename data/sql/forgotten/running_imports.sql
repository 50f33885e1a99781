-- forgotten/running_imports · grain: one row per import that has not ended, as far as the store knows
select name
from imports
where state = 'running'
order by name;
