-- lists/delete · it ends, with its name free; its row and its memberships stay as what history tells
update lists
set kind = :kind,
    name = :name,
    description = :ended
where list = :list;
