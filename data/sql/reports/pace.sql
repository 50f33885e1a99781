-- reports/pace · one row: when a run first claimed a message, and when it last wrote down an answer
select
    (select min(claimed_at) from claims where run = :run) as first_claimed_at,
    (select max(settled_at) from outcomes where run = :run and status in (1, 2, 3, 4) and claim_no is not null)
        as last_settled_at;
