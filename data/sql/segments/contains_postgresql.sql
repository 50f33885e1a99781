-- segments/contains_postgresql · {value}: the expression of a field, never null
strpos({value}, :text) > 0
