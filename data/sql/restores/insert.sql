-- restores/insert · what happened between the two instants is not known here
insert into restores (backup_at, restored_at, backup_instance_id)
values (:backup_at, :now, :backup_instance_id);
