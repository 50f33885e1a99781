-- segments/date_postgresql · {value}: the expression of a field, never null
-- By bytes: a collation of some language might weigh the hyphens otherwise. The inner query reads the field once.
select
    one.text ~ '^[0-9]{{4}}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([T ]|$)'
    and substr(one.text, 1, 10) collate "C" between :low and :high
from (select {value} as text offset 0) as one
