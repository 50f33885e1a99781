-- suppressions/everybody_on_postgresql · as everybody: other name of the function
select string_agg(person_key, ',')
from suppressions
where scope in :scopes;
