-- behaviour/who_replied · grain: one row per person whom a run texted and who wrote to its account since
select distinct replies.person_key
from replies
join runs on runs.run = :run and runs.account = replies.account
where replies.received_at >= runs.created_at
  and exists (
      select 1
      from behaviour
      where behaviour.person_key = replies.person_key
        and behaviour.run = :run
  )
order by replies.person_key;
