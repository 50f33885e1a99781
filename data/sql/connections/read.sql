-- connections/read.sql · grain: the one row of :connection, or none
select connection, kind, settings, secret
from connections
where connection = :connection
