-- imports/give_up · those of a name that were cut off: a newer one of it, :import, has begun
update imports
set
    state = 'failed',
    state_reason = :reason,
    finished_at = :now
where name = :name
  and state = 'running'
  and import <> :import;
