-- analytics/dictionary · grain: one row per column that has something to say beyond its name
create view dictionary as
select table_name as view_name, column_name, data_type, comment
from duckdb_columns()
where comment is not null
order by table_name, column_index;

comment on view dictionary is 'What the columns of these views mean.';
