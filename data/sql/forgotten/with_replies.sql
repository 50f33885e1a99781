-- forgotten/with_replies · grain: one row per person who asked to be forgotten and of whom a reply tells all the same
select replies.person_key, min(replies.msisdn) as msisdn
from replies
join suppressions
    on suppressions.person_key = replies.person_key
   and suppressions.scope = ''
   and suppressions.reason = 'forgotten'
where replies.msisdn is not null
group by replies.person_key;
