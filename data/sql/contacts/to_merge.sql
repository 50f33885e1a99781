-- contacts/to_merge · grain: one row per person of a source whose row is not the one that the store has already, or who
-- is missing from one of the lists · :hashes: JSON object, person_key → hash of the row
select told.key
from json_each(:hashes) as told
left join contacts on contacts.person_key = told.key
where contacts.source_hash is not told.value
   or (
       select count(*)
       from list_members
       where list_members.contact = contacts.contact
         and list_members.list in :lists
   ) < :n_lists;
