-- lake/unfilled_runs · grain: one row per messages file that behaviour has never been filled from: of before there was any
select messages.run, messages.file
from exports as messages
where messages.kind = 'messages'
  and messages.file is not null
  and messages.superseded_at is null
  and not exists (
      select 1
      from exports as noted
      where noted.kind = 'behaviour'
        and noted.run = messages.run
  )
order by messages.run;
