-- ledger/attach_receipt · the message that a receipt speaks of, which was not known when it came
update receipts
set run = :run,
    batch = :batch,
    row = :row
where receipt = :receipt
  and run is null;
