-- segments/date_sqlite · {value}: the expression of a field, never null
substr({value}, 1, 10) between :low and :high
and substr({value}, 1, 10) glob '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]'
and substr({value}, 6, 2) between '01' and '12'
and substr({value}, 9, 2) between '01' and '31'
and substr({value}, 11, 1) in ('', 'T', ' ')
