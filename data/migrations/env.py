"""Alembic's entry: runs on the connection, and inside the transaction, that `data.store.migrate` hands over."""

from alembic import context

from data.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
context.run_migrations()
