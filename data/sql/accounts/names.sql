-- accounts/names · grain: one row per gateway account
select account
from accounts
order by account;
