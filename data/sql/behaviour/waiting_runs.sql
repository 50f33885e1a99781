-- behaviour/waiting_runs · grain: one row per run of which something happened that behaviour does not know yet
select runs.run
from runs
where runs.is_simulated <= :simulated
  and (
      runs.run in (
          select events.run
          from events
          where events.export is null
            and events.kind in ('outcomes', 'doubt', 'adopted', 'decision', 'receipts')
      )
      or runs.run in (
          select exports.run
          from exports
          where exports.kind = 'messages'
            and exports.file is null
      )
  )
order by runs.run;
