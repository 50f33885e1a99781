-- lake/files_of_lake · every file that the manifest knows, whether readers are given it or not
select file
from exports
where file is not null;
