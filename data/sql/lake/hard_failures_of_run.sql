-- lake/hard_failures_of_run · DuckDB · grain: one row per person of a run whose text met a number that nobody has
-- $files: the run's messages; $codes: what receipts of its gateway call that
select distinct person_key
from read_parquet($files)
where person_key is not null
  and (
      (status = 'rejected' and error_kind = 'invalid_number')
      or (receipt in ('undelivered', 'rejected', 'failed') and list_contains($codes, receipt_code))
  )
order by person_key;
