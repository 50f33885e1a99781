-- instance/delete · a copy that is nobody's store: only a restore gives it an identity again
delete from instance;
