-- segments/since · {instant}: a column of contacts
contacts.{instant} >= :since
