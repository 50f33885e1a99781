-- segments/number_sqlite · {value}: the expression of a field, never null; :low and :high: of 15 digits at most
-- The cheap comparison first, then what most numbers look like, as 5 or -12: few rows need all of the look at their shape.
cast({value} as real) between cast(:low as real) and cast(:high as real)
and (
    cast(cast({value} as integer) as text) = {value}
    or {value} not glob '*[^0-9.+-]*'
    and ltrim({value}, '+-') glob '[0-9]*'
    and {value} glob '*[0-9]'
    and substr({value}, 2) not glob '*[+-]*'
    and {value} not glob '*.*.*'
    and length(replace(ltrim({value}, '+-'), '.', '')) <= 15
)
