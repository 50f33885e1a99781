-- segments/starts_with · {value}: the expression of a field, never null
substr({value}, 1, length(:text)) = :text
