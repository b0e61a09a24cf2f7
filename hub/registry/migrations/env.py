"""Runs the registry's migrations on the connection that ``hub.database.Schema`` hands over."""

from alembic import context

from hub.registry.models import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
