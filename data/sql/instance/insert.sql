-- instance/insert · who this store belongs to, once
insert into instance (id, instance_id, created_at, keys_check, salt)
values (1, :instance_id, :now, :keys_check, :salt);
