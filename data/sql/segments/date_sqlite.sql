-- segments/date_sqlite · {value}: the expression of a field, never null
-- The cheap comparison first: up to U takes in a time after :high, which a T or a space begins. Then what most dates are:
-- the day alone, which date() writes again as it was, and of what is none makes null (hence "is"). It knows months from 01
-- to 12 and days from 01 to 31, but other ways to write a date, too: so of all others the shape is looked at.
{value} between :low and :high || 'U'
and (
    date({value}) is {value}
    or (
        {value} glob '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'
        or {value} glob '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][T ]*'
    )
    and date(substr({value}, 1, 10)) is not null
)
