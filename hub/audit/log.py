"""Appends to the audit: many entries share one commit, and nobody goes on before his is on the disk."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from sqlalchemy import Connection, Engine

from hub.audit.entry import COLUMNS, FIRST_PREVIOUS, AuditEntry, row_hash, stored_values
from hub.database import Schema, open_engine, open_in_thread

AUDIT_SCHEMA = Schema("audit", "hub.audit:migrations")

MAX_WAITING = 10_000
"""Entries not yet committed: some seconds of a full router; beyond, what cannot be audited is refused."""
MAX_BATCH = 1_000
"""Entries of one commit: others' turn at the database comes at least every some ten milliseconds."""
CROWD = 8
"""Entries of a commit from which on more are waited for before the next one: a commit costs as much as a
hundred entries. Who is nearly alone never waits."""
GATHERING = 0.02
"""Seconds of that wait."""
ROWS_AT_ONCE = 500
"""Entries of one INSERT: the database's thread and the router's wait for each other's turn at the interpreter
with each statement. SQLite takes 32,000 values in one."""

_COLUMNS = ("previous_hash", "chain", "seq", *COLUMNS, "hash")
_NAMES = ", ".join(f'"{name}"' for name in _COLUMNS)
_INSERT = f"INSERT INTO entry ({_NAMES}) VALUES "  # noqa: S608  names of our own columns
_LAST = "SELECT seq, hash FROM entry WHERE chain = ? ORDER BY seq DESC LIMIT 1"
_PLACES = f"({', '.join('?' * len(_COLUMNS))})"


class AuditError(Exception):
    """An entry was not written; what it tells of must not be done."""


class AuditFull(AuditError):
    """More than MAX_WAITING entries wait: the disk is too slow or stands still."""


class AuditClosed(AuditError):
    """The audit was closed; it takes nothing more."""


Written: TypeAlias = Callable[[AuditError | None], None]
"""Called when an entry is on the disk, or with the reason why not."""


_Waiting: TypeAlias = tuple[AuditEntry, Written]


@dataclass(slots=True)
class _Queue:
    entries: deque[_Waiting] = field(default_factory=deque)
    in_hand: int = 0
    filled: asyncio.Event = field(default_factory=asyncio.Event)

    def __len__(self) -> int:
        return len(self.entries) + self.in_hand


class AuditLog:
    """The audit of one process, which writes one hash chain. Make it with ``open``, end it with ``close``.

    A commit is one visit to a thread of its own: through an asyncio engine it is a dozen, and with each one
    the thread waits for its turn at the interpreter, which a full router gives up every 5 ms.
    """

    def __init__(self, engine: Engine, chain: str) -> None:
        self._engine = engine
        self._chain = chain
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"audit {chain}")
        self._queue = _Queue()
        self._closed = False
        self._writer = asyncio.create_task(self._write_all(), name=f"audit {chain}")

    @classmethod
    async def open(cls, url: str, chain: str) -> AuditLog:
        """Go on with ``chain`` (a router's name, or OPERATOR_CHAIN).

        Raises SchemaError if the database is missing or its schema is not this program's.
        """
        engine = open_engine(url)
        try:
            await AUDIT_SCHEMA.check(engine)
        finally:
            await engine.dispose()
        return cls(open_in_thread(url), chain)

    async def append(self, entry: AuditEntry) -> None:
        """Return when the entry is on the disk; entries are chained in the order of these calls.

        Raises AuditFull at once if too many wait, AuditClosed after ``close``, AuditError if it cannot be
        written.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def written(failure: AuditError | None) -> None:
            if done.done():
                return
            if failure is None:
                done.set_result(None)
            else:
                done.set_exception(failure)

        self.put(entry, written)
        await done

    async def append_all(self, entries: Sequence[AuditEntry]) -> list[AuditError | None]:
        """As ``append`` for each, with one wait for all; returns what went wrong with which, or None."""
        if not entries:
            return []
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        outcomes: list[AuditError | None] = [None] * len(entries)
        left = len(entries)

        def written(at: int, failure: AuditError | None) -> None:
            nonlocal left
            outcomes[at] = failure
            left -= 1
            if not left and not done.done():
                done.set_result(None)

        for at, entry in enumerate(entries):
            self.put(entry, partial(written, at))
        await done
        return outcomes

    def put(self, entry: AuditEntry, written: Written) -> None:
        """As ``append``, for those who write thousands: ``written`` is called with what went wrong, or None.

        It may be called before this returns, and must not raise.
        """
        if self._closed:
            written(AuditClosed("the audit is closed"))
        elif len(self._queue) >= MAX_WAITING:
            written(AuditFull(f"{MAX_WAITING} audit entries wait to be written: nothing more is let through"))
        else:
            self._queue.entries.append((entry, written))
            self._queue.filled.set()

    async def close(self) -> None:
        """Write what waits, then close the database."""
        self._closed = True
        self._queue.filled.set()
        await self._writer
        await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.dispose)
        self._thread.shutdown()

    async def _write_all(self) -> None:
        queue = self._queue
        while queue.entries or not self._closed:
            await queue.filled.wait()
            queue.filled.clear()
            while queue.entries:
                batch = [queue.entries.popleft() for _ in range(min(MAX_BATCH, len(queue.entries)))]
                queue.in_hand = len(batch)
                await self._write(batch)
                queue.in_hand = 0
                if CROWD <= len(batch) < MAX_BATCH and not self._closed:
                    await asyncio.sleep(GATHERING)

    async def _write(self, batch: Sequence[_Waiting]) -> None:
        failure: AuditError | None = None
        entries = [entry for entry, _ in batch]
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._commit, entries)
        except Exception as error:  # whatever stops one commit must reach who waits, and not the next commit
            failure = AuditError(f"the audit could not be written: {error}")
        for _, written in batch:
            written(failure)

    def _commit(self, entries: Sequence[AuditEntry]) -> None:
        with self._engine.begin() as connection:
            insert_entries(connection, self._chain, entries)


def insert_entries(connection: Connection, chain: str, entries: Sequence[AuditEntry]) -> None:
    """Put entries at the end of a chain, in a transaction that holds the write lock."""
    found = connection.exec_driver_sql(_LAST, (chain,)).one_or_none()
    seq, previous = (found.seq, found.hash) if found else (0, FIRST_PREVIOUS)
    for at in range(0, len(entries), ROWS_AT_ONCE):
        part = entries[at : at + ROWS_AT_ONCE]
        row: list[float | str] = []
        for entry in part:
            seq += 1
            values = stored_values(entry)
            digest = row_hash(previous, chain, seq, values)
            row += (previous, chain, seq, *values, digest)
            previous = digest
        connection.exec_driver_sql(_INSERT + ", ".join([_PLACES] * len(part)), tuple(row))
