"""How many audit rows a second reach the disk, beside plain sqlite3 with the same rows."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

from hub.audit import AUDIT_SCHEMA, AuditEntry, AuditError, AuditKind, AuditLog
from hub.audit.entry import COLUMNS, FIRST_PREVIOUS, stored_values
from hub.audit.log import MAX_BATCH
from support.bench.numbers import paired
from support.bench.world import BOXES, PROVIDER

WAITING = 4 * MAX_BATCH
"""Entries on their way at once: a commit is always full, and what is refused as too much is far off."""
CHAIN = "router"
_NAMES = ("previous_hash", "chain", "seq", *COLUMNS, "hash")


def entry(number: int) -> AuditEntry:
    """A switched relay, as a router audits it."""
    return AuditEntry(
        at=time.time(), kind=AuditKind.REQUEST, provider="sp000", provider_jid=f"{PROVIDER}/desk1",
        heat_pump=f"hp{number % 258_000:06d}", box=f"box{number % 258_000:06d}@{BOXES}",
        stanza_id=f"q{number}", service="Operate", references=("HP/EvuGGIO1.SPCSO1[CO].Oper",),
        detail="ctlVal true",
    )  # fmt: skip


def run(seconds: float, runs: int) -> dict[str, Any]:
    """Measure ``runs`` times ``seconds``, floor and audit in turn."""
    ours, floor = [], []
    with tempfile.TemporaryDirectory(prefix="hpbench-") as name:
        for number in range(runs):
            folder = Path(name)
            floor.append({"per_second": asyncio.run(_floor(folder / f"floor{number}.db", seconds))})
            ours.append({"per_second": asyncio.run(_ours(folder / f"audit{number}.db", seconds))})
    return {
        "per_second": median(one["per_second"] for one in ours),
        "floor_per_second": median(one["per_second"] for one in floor),
        "ratio": paired(ours, floor, "per_second"),
        "rows_of_a_commit": MAX_BATCH,
    }


async def _ours(file: Path, seconds: float) -> float:
    url = f"sqlite+aiosqlite:///{file}"
    await AUDIT_SCHEMA.upgrade(url)
    audit = await AuditLog.open(url, CHAIN)
    begun = time.perf_counter()
    end, put, done = begun + seconds, 0, 0
    room = asyncio.Event()

    def written(failure: AuditError | None) -> None:
        nonlocal done
        if failure is not None:
            raise failure
        done += 1
        room.set()

    while time.perf_counter() < end:
        while put - done < WAITING:
            audit.put(entry(put), written)
            put += 1
        room.clear()
        await room.wait()
    await audit.close()
    taken = time.perf_counter() - begun
    if done != put:
        raise AssertionError(f"{done} of {put} rows were written")
    return done / taken


async def _floor(file: Path, seconds: float) -> float:
    """The same table and the same rows, made beforehand, as many in a commit: no chain, no queue, no loop."""
    await AUDIT_SCHEMA.upgrade(f"sqlite+aiosqlite:///{file}")
    made = [
        (FIRST_PREVIOUS, CHAIN, *stored_values(entry(number)), FIRST_PREVIOUS) for number in range(MAX_BATCH)
    ]
    names = ", ".join(f'"{name}"' for name in _NAMES)
    insert = f"INSERT INTO entry ({names}) VALUES ({', '.join('?' * len(_NAMES))})"  # noqa: S608 - our own
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        begun = time.perf_counter()
        end, seq = begun + seconds, 0
        while time.perf_counter() < end:
            rows = [(one[0], one[1], seq + n, *one[2:]) for n, one in enumerate(made, start=1)]
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(insert, rows)
            connection.execute("COMMIT")
            seq += len(rows)
        return seq / (time.perf_counter() - begun)
