-- segments/number_postgresql · {value}: the expression of a field, never null; {comparison}: >= or <=
case
    when {value} ~ '^[+-]?[0-9]+([.][0-9]+)?$' and length(translate({value}, '+-.', '')) <= 15
        then cast({value} as numeric) {comparison} cast(:bound as numeric)
    else false
end
