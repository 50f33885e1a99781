-- lake/supersede_files · files whose rows stand in another one by now; open connections may still read them
update exports
set superseded_at = :now
where export in :exports;
