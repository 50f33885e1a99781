-- runs/repeated · grain: one row per real run that sent this text since :since, the latest first
select run, source_fingerprint, created_at
from runs
where text_fingerprint = :text_fingerprint
    and frozen_at > :since
    and not is_simulated
    and run <> :run
order by frozen_at desc;
