"""Appends to the audit: many entries share one commit, and nobody goes on before his is on the disk."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.audit.entry import FIRST_PREVIOUS, AuditEntry, columns, row_hash
from hub.audit.models import EntryRow
from hub.database import Schema, open_engine

AUDIT_SCHEMA = Schema("audit", "hub.audit:migrations")

MAX_WAITING = 10_000
"""Entries not yet committed: some seconds of a full router; beyond, what cannot be audited is refused."""
MAX_BATCH = 1_000
"""Entries of one commit: others' turn at the database comes at least every some ten milliseconds."""


class AuditError(Exception):
    """An entry was not written; what it tells of must not be done."""


class AuditFull(AuditError):
    """More than MAX_WAITING entries wait: the disk is too slow or stands still."""


class AuditClosed(AuditError):
    """The audit was closed; it takes nothing more."""


@dataclass(slots=True)
class _Waiting:
    entry: AuditEntry
    written: asyncio.Future[None]


@dataclass(slots=True)
class _Queue:
    entries: deque[_Waiting] = field(default_factory=deque)
    in_hand: int = 0
    filled: asyncio.Event = field(default_factory=asyncio.Event)

    def __len__(self) -> int:
        return len(self.entries) + self.in_hand


class AuditLog:
    """The audit of one process, which writes one hash chain. Make it with ``open``, end it with ``close``."""

    def __init__(self, engine: AsyncEngine, chain: str) -> None:
        self._engine = engine
        self._chain = chain
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
        except BaseException:
            await engine.dispose()
            raise
        return cls(engine, chain)

    async def append(self, entry: AuditEntry) -> None:
        """Return when the entry is on the disk; entries are chained in the order of these calls.

        Raises AuditFull at once if too many wait, AuditClosed after ``close``, AuditError if it cannot be
        written.
        """
        if self._closed:
            raise AuditClosed("the audit is closed")
        if len(self._queue) >= MAX_WAITING:
            raise AuditFull(f"{MAX_WAITING} audit entries wait to be written: nothing more is let through")
        waiting = _Waiting(entry, asyncio.get_running_loop().create_future())
        self._queue.entries.append(waiting)
        self._queue.filled.set()
        await waiting.written

    async def close(self) -> None:
        """Write what waits, then close the database."""
        self._closed = True
        self._queue.filled.set()
        await self._writer
        await self._engine.dispose()

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

    async def _write(self, batch: Sequence[_Waiting]) -> None:
        failure: AuditError | None = None
        try:
            async with self._engine.begin() as connection:
                await self._insert(connection, [waiting.entry for waiting in batch])
        except Exception as error:  # whatever stops one commit must reach who waits, and not the next commit
            failure = AuditError(f"the audit could not be written: {error}")
        for waiting in batch:
            if waiting.written.done():
                continue
            if failure is None:
                waiting.written.set_result(None)
            else:
                waiting.written.set_exception(failure)

    async def _insert(self, connection: AsyncConnection, entries: Sequence[AuditEntry]) -> None:
        last = await connection.execute(
            select(EntryRow.seq, EntryRow.hash)
            .where(EntryRow.chain == self._chain)
            .order_by(EntryRow.seq.desc())
            .limit(1)
        )
        found = last.one_or_none()
        seq, previous = (found.seq, found.hash) if found else (0, FIRST_PREVIOUS)
        rows = []
        for entry in entries:
            seq += 1
            row = {"chain": self._chain, "seq": seq, **columns(entry)}
            digest = row_hash(row, previous)
            rows.append({**row, "previous_hash": previous, "hash": digest})
            previous = digest
        await connection.execute(insert(EntryRow), rows)
