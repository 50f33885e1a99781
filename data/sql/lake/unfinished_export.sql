-- lake/unfinished_export · the export of a kind that a crash left without a file, if any
select export
from exports
where kind = :kind
  and file is null
order by export
limit 1;
