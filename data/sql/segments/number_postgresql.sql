-- segments/number_postgresql · {value}: the expression of a field, never null
-- The inner query, which the offset keeps apart, reads the field once; the JSON would be parsed each time.
select
    case
        when one.text ~ '^[+-]?[0-9]+([.][0-9]+)?$' and length(translate(one.text, '+-.', '')) <= 15
            then cast(one.text as numeric) between cast(:low as numeric) and cast(:high as numeric)
        else false
    end
from (select {value} as text offset 0) as one
