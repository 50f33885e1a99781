-- connections/list.sql · grain: one row per named connection; what is sealed stays where it is
select connection, kind, settings
from connections
order by connection
