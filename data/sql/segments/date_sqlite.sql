-- segments/date_sqlite · {value}: the expression of a field, never null
-- date() knows months from 01 to 12 and days from 01 to 31, but other ways to write a date, too: so the shape comes first.
substr({value}, 1, 10) between :low and :high
and (
    {value} glob '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'
    or {value} glob '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][T ]*'
)
and date(substr({value}, 1, 10)) is not null
