-- segments/this_run · a run that was named by its number counts, simulated or not
select cast(:run as integer)
