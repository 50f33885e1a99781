-- segments/attribute_postgresql · an attribute's text; '' where the contact has none
coalesce(cast(contacts.attributes as jsonb) ->> :attribute, '')
