-- contacts/to_merge_on_postgresql · as to_merge: other name of the JSON function, and what it gives needs a type
select told.key
from json_each_text(cast(:hashes as json)) as told
left join contacts on contacts.person_key = told.key
where contacts.source_hash is distinct from cast(told.value as bigint)
   or (
       select count(*)
       from list_members
       where list_members.contact = contacts.contact
         and list_members.list in :lists
   ) < :n_lists;
