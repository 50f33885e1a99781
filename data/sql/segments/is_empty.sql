-- segments/is_empty · {value}: the expression of a field, never null
{value} = ''
