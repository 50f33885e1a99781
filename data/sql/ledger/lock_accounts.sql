-- ledger/lock_accounts · PostgreSQL: the one lock that every writer of the ledger takes first, in one order, so none can deadlock
select account
from accounts
order by account
for update;
