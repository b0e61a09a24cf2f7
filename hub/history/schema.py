"""The history's Alembic line."""

from hub.database import Schema

HISTORY_SCHEMA = Schema("history", "hub.history:migrations")
