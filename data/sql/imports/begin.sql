-- imports/begin · grain: the one new import
insert into imports (name, source, fingerprint, state, started_at, "by")
values (:name, :source, :fingerprint, 'running', :now, :by)
returning import;
