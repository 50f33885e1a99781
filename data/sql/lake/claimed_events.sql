-- lake/claimed_events · grain: one row per event of an export, in order, from the one after :after on
select event, run, batch, kind, claim_no, at, payload
from events
where export = :export
  and event > :after
order by event
limit :most;
