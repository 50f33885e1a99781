-- analytics/rejects · grain: one row per source row that could not be used · $files: the plans' twins
create view rejects as
select
    x.run,
    r.campaign,
    x.source_row,
    x."column",
    x.rule
from read_parquet($files) as x
left join runs as r on r.run = x.run;

comment on view rejects is 'One row per source row that is no contact. The raw values are in the run''s rejects.csv.';
comment on column rejects.source_row is 'row of the source file as a spreadsheet counts it: the header is row 1';
comment on column rejects.rule is 'the rule that the value in this column broke';
