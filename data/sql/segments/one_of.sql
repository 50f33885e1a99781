-- segments/one_of · {value}: the expression of a field, never null; {texts}: as many parameters as there are texts
{value} in ({texts})
