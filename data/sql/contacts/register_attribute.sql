-- contacts/register_attribute · a name that is known already keeps the header of its first source
insert into attributes (attribute, header)
values (:attribute, :header)
on conflict (attribute) do nothing;
