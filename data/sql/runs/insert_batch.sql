-- runs/insert_batch · one batch of a run that is being frozen
insert into batches (run, batch, part, n_messages, not_before, not_after)
values (:run, :batch, :part, :n_messages, :not_before, :not_after);
