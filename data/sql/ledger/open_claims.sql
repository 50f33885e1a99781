-- ledger/open_claims · grain: one row per claim that was left open under a fence older than this one
select claim_no, kind, fence, first_row, last_row, rows, request_key
from claims
where run = :run
  and batch = :batch
  and state = 'open'
  and fence < :fence
order by claim_no;
