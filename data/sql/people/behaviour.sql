-- people/behaviour · grain: one row per run whose message somebody was sent
select run, texted_at, delivered_at, failed_at, replied_at, clicked_at
from behaviour
where person_key = :person_key
order by run;
