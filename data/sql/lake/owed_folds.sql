-- lake/owed_folds · grain: one row per run that is owed a messages file; folded_at null: it has none yet
select
    owed.export,
    owed.run,
    runs.n_messages,
    max(done.created_at) as folded_at
from exports as owed
join runs on runs.run = owed.run
left join exports as done on done.kind = 'messages' and done.run = owed.run and done.file is not null
where owed.kind = 'messages'
  and owed.file is null
group by owed.export, owed.run, runs.n_messages
order by owed.export;
