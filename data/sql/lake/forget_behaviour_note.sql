-- lake/forget_behaviour_note · the note of an earlier load
delete from exports
where kind = 'behaviour'
  and run = :run;
