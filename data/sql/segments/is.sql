-- segments/is · {value}: the expression of a field, never null
{value} = :text
