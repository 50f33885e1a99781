-- instance/read · grain: one row, none in a backup
select instance_id, keys_check, salt
from instance;
