-- analytics/lake_files · grain: one row per file that the views read · $files: all of them
create view lake_files as
select unnest($files) as file;

comment on view lake_files is '$fingerprint';
