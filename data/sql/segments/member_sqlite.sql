-- segments/member_sqlite · in one list or tag
contacts.contact in (select list_members.contact from list_members where list_members.list = :list)
