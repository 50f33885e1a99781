-- audit_log/insert · who decided what, and when; in the transaction of what it tells
insert into audit_log (at, who, what, details)
values (:at, :who, :what, :details);
