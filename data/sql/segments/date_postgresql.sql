-- segments/date_postgresql · {value}: the expression of a field, never null
-- By bytes: a collation of some language might weigh the hyphens otherwise.
{value} ~ '^[0-9]{{4}}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([T ]|$)'
and substr({value}, 1, 10) collate "C" between :low and :high
