-- restores/confirm · a person says that opt-outs since the backup were looked for
update restores
set opt_outs_checked_at = :now,
    opt_outs_checked_by = :by
where opt_outs_checked_at is null;
