-- runs/note_quality · what the quality gate found, as JSON
update runs
set quality = :quality
where run = :run;
