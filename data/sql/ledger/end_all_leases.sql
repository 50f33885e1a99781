-- ledger/end_all_leases · after a restore: nobody holds anything, and holders of the lost store are strangers
update batches
set owner = null,
    expires_at = 0,
    next_row = n_messages,
    fence = fence + :skipped,
    n_claims = n_claims + :skipped;
