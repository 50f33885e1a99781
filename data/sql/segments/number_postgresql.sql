-- segments/number_postgresql · {value}: the expression of a field, never null
case
    when {value} ~ '^[+-]?[0-9]+([.][0-9]+)?$' and length(translate({value}, '+-.', '')) <= 15
        then cast({value} as numeric) between cast(:low as numeric) and cast(:high as numeric)
    else false
end
