-- runs/repeated · the latest real run that sent this text to this source since :since
select run
from runs
where source_fingerprint = :source_fingerprint
    and text_fingerprint = :text_fingerprint
    and frozen_at > :since
    and not is_simulated
    and run <> :run
order by frozen_at desc
limit 1;
