-- segments/number_sqlite · {value}: the expression of a field, never null; {comparison}: >= or <=
-- The cheap comparison first: most rows that fail it need no look at whether they are a number of up to 15 digits.
cast({value} as real) {comparison} cast(:bound as real)
and {value} not glob '*[^0-9.+-]*'
and ltrim({value}, '+-') glob '[0-9]*'
and {value} glob '*[0-9]'
and substr({value}, 2) not glob '*[+-]*'
and {value} not glob '*.*.*'
and length(replace(ltrim({value}, '+-'), '.', '')) <= 15
