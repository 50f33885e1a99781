-- runs/keys_like · the keys of other runs that begin with one key: which suffixes are taken
select run_key
from runs
where substr(run_key, 1, length(:run_key)) = :run_key and run <> :run;
