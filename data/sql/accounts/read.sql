-- accounts/read.sql · grain: the one row of :account, or none
select account, kind, settings, credentials, rate_mps, concurrency
from accounts
where account = :account
