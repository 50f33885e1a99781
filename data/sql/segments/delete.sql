-- segments/delete · its people stay contacts
delete from segments
where segment = :segment;
