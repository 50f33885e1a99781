-- lake/owe_replies · an export with replies is owed a look at what they answer; n_rows names the export, file stays null
insert into exports (kind, n_rows, created_at)
select 'replies', :export, :now
where exists (
    select 1
    from events
    where export = :export
      and kind = 'reply'
);
