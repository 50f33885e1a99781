-- behaviour/waiting_replies · grain: one row: whether somebody replied and behaviour does not know yet
select
    exists (select 1 from events where export is null and kind = 'reply')
    or exists (select 1 from exports where kind = 'replies');
