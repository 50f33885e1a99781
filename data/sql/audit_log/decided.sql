-- audit_log/decided · whether an entry of this kind bears this mark in its details
select exists (
    select 1
    from audit_log
    where what = :what
      and details like :pattern
);
