-- lake/owe_folds · every run with news in an export is owed a new messages file; one debt a run is enough
insert into exports (kind, run, created_at)
select 'messages', news.run, :now
from (select distinct run from events where export = :export and run is not null) as news
where not exists (
    select 1
    from exports as owed
    where owed.kind = 'messages'
      and owed.run = news.run
      and owed.file is null
);
