-- lake/claim_events · the oldest events that no export has yet, so many at most
-- By the column, never by the highest number seen: on PostgreSQL a smaller number may be committed later.
update events
set export = :export
where event in (
    select event
    from events
    where export is null
    order by event
    limit :most
);
