-- segments/contains_sqlite · {value}: the expression of a field, never null
instr({value}, :text) > 0
