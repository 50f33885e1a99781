"""What rests, and the only doors to it: files, the SQL store, the ledger, analytics."""
