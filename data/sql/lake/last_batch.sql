-- lake/last_batch · DuckDB · one row: the last batch of a run's plan; null: it has no message
select max(batch)
from read_parquet($planned);
