-- ledger/claims_of_batch · grain: one row per claim of a batch, in the order they were made
select claim_no, kind, is_bulk, account, fence, first_row, last_row, rows, request_key, send_before, claimed_at
from claims
where run = :run
  and batch = :batch
order by claim_no;
