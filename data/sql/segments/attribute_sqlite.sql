-- segments/attribute_sqlite · an attribute's text; '' where the contact has none
coalesce(json_extract(contacts.attributes, :path), '')
