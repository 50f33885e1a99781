-- suppressions/everybody · grain: one row, with all who are suppressed in one of the scopes, between commas; null: nobody
-- One text, for a driver makes a row of each person, which costs fifteen times as much.
select group_concat(person_key, ',')
from suppressions
where scope in :scopes;
