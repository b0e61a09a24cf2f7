"""Old entries are removed, the oldest of each chain first; a checkpoint keeps the rest verifiable."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, func, select

from hub.audit.checkpoint import PRUNE, Checkpoint
from hub.audit.entry import OPERATOR_CHAIN, AuditEntry, AuditKind
from hub.audit.log import AUDIT_SCHEMA, insert_entries
from hub.audit.models import EntryRow
from hub.database import BUSY_TIMEOUT_MS, open_engine, open_in_thread, reading

PRUNED_AT_ONCE = 2_000
"""Rows removed in one transaction: some ten milliseconds in which no router can write its audit."""
PAUSE = 0.02
"""Seconds after each, in which they can."""
_TRIGGER = "entry_no_delete"


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows of a chain were removed, and up to which."""

    chain: str
    rows: int
    checkpoint: Checkpoint


async def prune(url: str, before: float, *, actor: str, now: float) -> list[Pruned]:
    """Remove what was written before ``before`` (seconds since 1970 UTC); the last row of a chain stays.

    Only from the beginning of a chain up to its first row that is younger: with a clock set back, more stays.
    It works in a thread of its own; if cancelled it ends after the part in hand, and the rest stays for the
    next time. Raises SchemaError if the database is missing, ValueError if ``before`` lies after ``now``.
    """
    if before > now:
        raise ValueError("what is not yet written cannot be removed: choose a time that has passed")
    checked = open_engine(url)
    try:
        await AUDIT_SCHEMA.check(checked)
    finally:
        await checked.dispose()
    enough = threading.Event()
    try:
        return await asyncio.to_thread(_prune, url, before, actor, now, enough)
    finally:
        enough.set()


def _prune(url: str, before: float, actor: str, now: float, enough: threading.Event) -> list[Pruned]:
    engine = open_in_thread(url)
    done: list[Pruned] = []
    try:
        with reading(engine).connect() as connection:  # all rows: not under the writers' lock
            chains = sorted(connection.scalars(select(EntryRow.chain).distinct()))
        for chain in sorted(chains, key=lambda name: name == OPERATOR_CHAIN):
            rows = 0
            while not enough.is_set():
                with engine.begin() as connection:
                    found = _prune_some(connection, chain, before, actor, now)
                if found is None:
                    break
                rows += found[1]
                checkpoint = found[0]
                enough.wait(PAUSE)
            if rows:
                done.append(Pruned(chain, rows, checkpoint))
        if done:
            _overwrite_log(engine)
    finally:
        engine.dispose()
    return done


def _overwrite_log(engine: Engine) -> None:
    """What was removed is not to stay in the write-ahead log either; with readers at work it does for now."""
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("PRAGMA busy_timeout = 0")  # waiting for readers it would hold the writers' lock
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    finally:
        raw.close()


def _prune_some(
    connection: Connection, chain: str, before: float, actor: str, now: float
) -> tuple[Checkpoint, int] | None:
    of_chain = EntryRow.chain == chain
    # Each end in a query of its own: SQLite takes both together from all rows.
    ends = (select(one(EntryRow.seq)).where(of_chain).scalar_subquery() for one in (func.min, func.max))
    first, last = connection.execute(select(*ends)).one()
    young = connection.scalar(
        select(EntryRow.seq)
        .where(of_chain, EntryRow.seq <= first + PRUNED_AT_ONCE, EntryRow.at >= before)
        .order_by(EntryRow.seq)
        .limit(1)
    )
    after = last + (chain == OPERATOR_CHAIN)  # to which the entries below are still added
    up_to = min(after if young is None else young, after, first + PRUNED_AT_ONCE) - 1
    if up_to < first:
        return None
    hash_ = connection.scalars(select(EntryRow.hash).where(of_chain, EntryRow.seq == up_to)).one()
    checkpoint = Checkpoint(chain, up_to, hash_)
    # Written first: the operator's chain never loses the entry that says where others begin.
    attested = _earlier(connection) | {chain: checkpoint} if chain == OPERATOR_CHAIN else {chain: checkpoint}
    insert_entries(connection, OPERATOR_CHAIN, [_entry(one, actor, now) for one in attested.values()])
    trigger = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ?"
    (kept,) = connection.exec_driver_sql(trigger, (_TRIGGER,)).one()
    connection.exec_driver_sql(f"DROP TRIGGER {_TRIGGER}")
    connection.execute(delete(EntryRow).where(of_chain, EntryRow.seq <= up_to))
    connection.exec_driver_sql(kept)
    return checkpoint, up_to - first + 1


def _earlier(connection: Connection) -> dict[str, Checkpoint]:
    """The last checkpoint of each chain so far."""
    return {one.chain: one for one in _checkpoints(connection)}


def _checkpoints(connection: Connection) -> Iterator[Checkpoint]:
    rows = connection.execute(
        select(EntryRow.references, EntryRow.detail)
        .where(EntryRow.chain == OPERATOR_CHAIN, EntryRow.service == PRUNE)
        .order_by(EntryRow.seq)
    )
    for chain, detail in rows:
        checkpoint = Checkpoint.read(chain, detail)
        if checkpoint is not None:
            yield checkpoint


def _entry(checkpoint: Checkpoint, actor: str, now: float) -> AuditEntry:
    return AuditEntry(
        at=now,
        kind=AuditKind.OPERATOR,
        service=PRUNE,
        references=(checkpoint.chain,),
        detail=checkpoint.detail,
        actor=actor,
    )
