-- analytics/excluded · grain: one row per contact row that was left out of a run · $files: the plans' twins
create view excluded as
select
    x.run,
    r.campaign,
    x.source_row,
    x.person_key,
    x.masked_msisdn,
    x.external_id,
    x.country,
    x.reason
from read_parquet($files) as x
left join runs as r on r.run = x.run;

comment on view excluded is 'One row per contact row that a plan left out, with the one reason that came first.';
comment on column excluded.source_row is 'row of the source file as a spreadsheet counts it: the header is row 1';
