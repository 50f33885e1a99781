-- segments/member_postgresql · in one list or tag
-- Never `not in`: of a list that does not fit into work_mem, PostgreSQL would read all for each contact.
exists (
    select 1
    from list_members
    where list_members.list = :list
      and list_members.contact = contacts.contact
)
