"""Runs the history's migrations on the connection that ``hub.database.Schema`` hands over."""

from alembic import context

from hub.history.models import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
