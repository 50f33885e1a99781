-- lake/has_news · one row: whether a loader has something to do
select
    exists (select 1 from events where export is null)
    or exists (select 1 from exports where kind = 'events' and file is null);
