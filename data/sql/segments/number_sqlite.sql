-- segments/number_sqlite · {value}: the expression of a field, never null
-- The cheap comparison first, then what most numbers look like: few rows need all of the look at their shape.
cast({value} as real) between cast(:low as real) and cast(:high as real)
and (
    {value} not glob '*[^0-9]*' and length({value}) between 1 and 15
    or {value} not glob '*[^0-9.+-]*'
    and ltrim({value}, '+-') glob '[0-9]*'
    and {value} glob '*[0-9]'
    and substr({value}, 2) not glob '*[+-]*'
    and {value} not glob '*.*.*'
    and length(replace(ltrim({value}, '+-'), '.', '')) <= 15
)
