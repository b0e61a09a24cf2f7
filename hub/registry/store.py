"""The registry's database: opened, checked, and used one transaction at a time."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session

from hub.database import Schema, open_engine, open_in_thread, reading, to_its_end

P = ParamSpec("P")
T = TypeVar("T")

REGISTRY_SCHEMA = Schema("registry", "hub.registry:migrations")


class Registry:
    """Runs plain functions over a Session, each in a transaction of its own. Make it with ``open``."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writing = async_sessionmaker(engine, expire_on_commit=False)
        self._reading = async_sessionmaker(reading(engine), expire_on_commit=False)
        self._apart = open_in_thread(str(engine.url))
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="registry")
        file = make_url(str(engine.url)).database or ""
        self._versions = sqlite3.connect(file, timeout=0, isolation_level=None)

    @classmethod
    async def open(cls, url: str) -> Registry:
        """Open the database. Raises SchemaError if it is missing or its schema is not this program's."""
        engine = open_engine(url)
        try:
            await REGISTRY_SCHEMA.check(engine)
        except BaseException:
            await engine.dispose()
            raise
        return cls(engine)

    async def close(self) -> None:
        """Close every connection."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._apart.dispose)
        self._thread.shutdown()
        self._versions.close()
        await self._engine.dispose()

    def version(self) -> int:
        """A number that is another one after any process has written: microseconds, where a query takes many.

        0 says nothing: look. It never waits.
        """
        try:
            return int(self._versions.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error:
            return 0

    async def run(self, fn: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``fn(session, ...)`` in a transaction that may write; all or nothing of it is stored.

        Changes of several processes happen one after the other: this one waits for its turn. What has begun
        ends, if cancelled too.
        """

        async def changed() -> T:
            async with self.transaction() as session:
                return await session.run_sync(fn, *args, **kwargs)

        return await to_its_end(changed())

    async def run_apart(
        self, fn: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As ``run``, for what must not be late: not each of its statements waits for a turn of a busy event
        loop. One after the other, in the order of the calls; what has begun ends, if cancelled too.
        """

        def called() -> T:
            with Session(self._apart) as session, session.begin():
                return fn(session, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._thread, called)

    async def read(self, fn: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``fn(session, ...)`` on one consistent state, waiting for nobody. ``fn`` must not write."""
        async with self._reading() as session:
            return await session.run_sync(fn, *args, **kwargs)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One writing transaction for a caller that must do something else before it is stored."""
        async with self._writing() as session, session.begin():
            yield session
