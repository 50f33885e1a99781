-- imports/earlier · grain: the last finished import of this fingerprint, or none if another one of its name or of :name came after it
select
    import, name, source, fingerprint, state, state_reason, n_rows, n_new, n_changed, n_same, n_double, n_rejects,
    folder, started_at, finished_at, "by"
from imports as earlier
where fingerprint = :fingerprint
  and state = 'finished'
  and not exists (
      select 1
      from imports as later
      where later.import > earlier.import
        and later.name in (earlier.name, :name)
        and later.fingerprint not in ('', earlier.fingerprint)  -- '': nothing of it was stored
  )
order by import desc
limit 1;
