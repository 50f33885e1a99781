-- contacts/lock_on_postgresql · until the end of the transaction nobody else changes contacts; whoever reads waits for nothing
lock table contacts in share row exclusive mode;
