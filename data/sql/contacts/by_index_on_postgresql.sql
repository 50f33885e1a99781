-- contacts/by_index_on_postgresql · until the end of the transaction rows are looked up one by one: it asks for some thousand
-- people of millions, and of a table that was just filled the planner knows nothing yet and reads all of it each time
set local enable_seqscan = off;
set local enable_hashjoin = off;
set local enable_mergejoin = off;
set local jit = off;
