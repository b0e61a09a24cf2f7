"""What the hub's databases have in common: how they are opened and how their schema is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

T = TypeVar("T")
E = TypeVar("E", Engine, AsyncEngine)

log = structlog.get_logger()

BUSY_TIMEOUT_MS = 10_000
"""Milliseconds a writer waits for another process's transaction; ours last milliseconds."""

CONNECT_TIMEOUT = 10.0
"""Seconds for connecting to a database server, on the same machine or network."""

POSTGRESQL_PORT = 5432
_PASSING = ("08", "53", "57")
"""Classes of PostgreSQL's error codes that pass by themselves: no connection, no room, starting, stopping."""
_BEGIN = "hub_begin"


class SchemaError(Exception):
    """The database is missing, or its schema is not this program's; the message says what to do."""


class DatabaseDown(SchemaError):
    """The database server does not take us now; it may later."""


def open_engine(url: str) -> AsyncEngine:
    """An engine of SQLite or PostgreSQL.

    With SQLite its transactions take the write lock at their start (``BEGIN IMMEDIATE``), so concurrent
    processes change the database one after the other, in the order of their commits. ``reading()`` gives the
    view of it that takes no lock. Errors do not say what was to be written: it may name a person.
    """
    if make_url(url).get_backend_name() != "sqlite":
        return create_async_engine(url, hide_parameters=True, connect_args={"timeout": CONNECT_TIMEOUT})
    engine = create_async_engine(url, hide_parameters=True)
    _as_ours(engine.sync_engine)
    return engine


def open_in_thread(url: str) -> Engine:
    """The same for an SQLite file, for a thread that may wait for it."""
    engine = create_engine(make_url(url).set(drivername="sqlite"), hide_parameters=True)
    _as_ours(engine)
    return engine


def _as_ours(engine: Engine) -> None:
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)


def reading(engine: E) -> E:
    """The same engine for transactions that only read one consistent state, beside any writer."""
    return engine.execution_options(**{_BEGIN: "BEGIN DEFERRED"})


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins no transaction of its own: _begin does
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # committed means on the disk
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten, not only forgotten
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN IMMEDIATE"))


@dataclass(frozen=True, slots=True)
class Schema:
    """One Alembic line: ``what`` names the database for people, ``scripts`` is ``package:folder``."""

    what: str
    scripts: str

    async def upgrade(self, url: str) -> bool:
        """Bring the database to this program's schema, making the file if need be; True if anything changed.

        Raises SchemaError if the database is newer than this program, DatabaseDown if it cannot be reached.
        """
        engine = open_engine(url)
        try:
            async with engine.begin() as connection:
                return await connection.run_sync(self._upgrade)
        except (OSError, DBAPIError) as error:
            raise self._unusable(engine, error) from None
        finally:
            await engine.dispose()

    async def check(self, engine: AsyncEngine) -> None:
        """Raise SchemaError unless the database has exactly this program's schema, DatabaseDown if it cannot
        be asked.
        """
        file = engine.url.database
        if engine.dialect.name == "sqlite" and not _exists(file):
            raise SchemaError(f"the {self.what} database {file} does not exist: run `hphub init`")
        try:
            async with reading(engine).connect() as connection:
                found = await connection.run_sync(_found)
        except (OSError, DBAPIError) as error:
            raise self._unusable(engine, error) from None
        if found == self._wanted():
            return
        if found is not None and not self._knows(found):
            raise SchemaError(self._newer(found))
        raise SchemaError(f"the {self.what} database has an older schema: stop the hub and run `hphub init`")

    def _upgrade(self, connection: Connection) -> bool:
        found = _found(connection)
        if found == self._wanted():
            return False
        if found is not None and not self._knows(found):
            raise SchemaError(self._newer(found))
        config = self._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return True

    def _unusable(self, engine: AsyncEngine, error: OSError | DBAPIError) -> SchemaError:
        url = engine.url
        if url.get_backend_name() == "sqlite":
            reason = getattr(error, "orig", error)
            return SchemaError(f"the {self.what} database {url.database} cannot be read: {reason}")
        where = f"{url.database} at {url.host}:{url.port or POSTGRESQL_PORT}"
        return (DatabaseDown if passing(error) else SchemaError)(
            f"the {self.what} database {where} cannot be used: {getattr(error, 'orig', error)}"
        )

    def _newer(self, found: str) -> str:
        return f"the {self.what} database was made by a newer hub (schema {found}): update this program"

    def _wanted(self) -> str | None:
        return ScriptDirectory.from_config(self._config()).get_current_head()

    def _knows(self, revision: str) -> bool:
        try:
            return ScriptDirectory.from_config(self._config()).get_revision(revision) is not None
        except CommandError:
            return False

    def _config(self) -> Config:
        config = Config()
        config.set_main_option("script_location", self.scripts)
        return config


ENDS_WITHIN = 10.0
"""Seconds for a change to end, as long as a database waits for its lock."""


async def to_its_end(change: Coroutine[Any, Any, T]) -> T:
    """Await ``change``; who is cancelled meanwhile waits until it has ended.

    A transaction that is left in the middle keeps the lock of its database for a while, and what a process
    writes at its end waits for that.
    """
    task = asyncio.ensure_future(change)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=ENDS_WITHIN)
        failed = task.exception() if task.done() and not task.cancelled() else None
        if failed is not None:
            log.warning("a change failed, and who made it has ended", reason=str(failed))
        raise


def passing(error: OSError | DBAPIError) -> bool:
    """The database server is away or busy, and what was asked may work later."""
    if isinstance(error, OSError) or error.connection_invalidated:
        return True
    return str(getattr(error.orig, "sqlstate", None) or "").startswith(_PASSING)


def _exists(file: str | None) -> bool:
    return file is not None and Path(file).exists()


def _found(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
