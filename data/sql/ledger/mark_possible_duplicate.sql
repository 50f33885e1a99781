-- ledger/mark_possible_duplicate · a message of which the gateway may have taken two; the first evidence stays
insert into possible_duplicates (run, batch, row, at)
values (:run, :batch, :row, :at)
on conflict (run, batch, row) do nothing;
