"""Old entries go, the rest stays verifiable; and whatever is done to what is left is found."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.audit import AuditEntry, AuditFilter, AuditKind, AuditLog, AuditReader, prune, retention, verify
from hub.audit.entry import COLUMNS, FIRST_PREVIOUS, row_hash
from hub.audit.verification import ChainChecker, Verification
from hub.database import open_in_thread

NOW = 1_800_000_000.0
CHAINS = ("history", "operator", "router", "zealand")


async def append(url: str, chain: str, *times: float) -> None:
    audit = await AuditLog.open(url, chain)
    for at in times:
        await audit.append(AuditEntry(at=at, kind=AuditKind.REQUEST, stanza_id=f"{chain} {at}", detail="on"))
    await audit.close()


async def append_many(url: str, chain: str, number: int) -> None:
    audit = await AuditLog.open(url, chain)
    entries = (AuditEntry(at=NOW + each, kind=AuditKind.REQUEST) for each in range(number))
    await asyncio.gather(*map(audit.append, entries))
    await audit.close()


def rows(folder: Path) -> list[tuple[str, int]]:
    with sqlite3.connect(folder / "audit.db") as database:
        return database.execute("SELECT chain, seq FROM entry ORDER BY chain, seq").fetchall()


async def clean(url: str) -> dict[str, tuple[int, int]]:
    """First and last row of each chain, of an audit in which nothing is found."""
    result = await verify(url)
    assert result.findings == ()
    return {one.chain: (one.first, one.seq) for one in result.heads}


async def test_what_is_older_goes_and_the_rest_is_verified_from_there(audit_url: str, tmp_path: Path) -> None:
    await append(audit_url, "router", *(NOW + day for day in range(6)))
    (done,) = await prune(audit_url, NOW + 4, actor="op", now=NOW + 10)
    assert (done.chain, done.rows, done.checkpoint.seq) == ("router", 4, 4)
    assert await clean(audit_url) == {"router": (5, 6), "operator": (1, 1)}
    await append(audit_url, "router", NOW + 11)
    assert await clean(audit_url) == {"router": (5, 7), "operator": (1, 1)}
    reader = await AuditReader.open(audit_url)
    (told,) = await reader.newest(AuditFilter(service="audit prune"), 10)
    await reader.close()
    assert (told.entry.actor, told.entry.references) == ("op", ("router",))
    assert b"router 1800000001.0" not in (tmp_path / "audit.db").read_bytes()


async def test_nothing_old_removes_and_tells_nothing(audit_url: str, tmp_path: Path) -> None:
    await append(audit_url, "router", NOW)
    assert await prune(audit_url, NOW, actor="op", now=NOW + 10) == []
    assert rows(tmp_path) == [("router", 1)]


async def test_the_last_row_stays_so_that_the_chain_goes_on(audit_url: str) -> None:
    await append(audit_url, "router", NOW, NOW + 1)
    await prune(audit_url, NOW + 5, actor="op", now=NOW + 10)
    assert (await clean(audit_url))["router"] == (2, 2)
    await append(audit_url, "router", NOW + 11)
    assert (await clean(audit_url))["router"] == (2, 3)


async def test_a_clock_set_back_keeps_what_follows(audit_url: str) -> None:
    await append(audit_url, "router", NOW, NOW + 9, NOW + 1, NOW + 10)
    await prune(audit_url, NOW + 5, actor="op", now=NOW + 10)
    assert (await clean(audit_url))["router"] == (2, 4)


async def test_many_rows_go_in_portions_and_the_operators_own_chain_too(
    audit_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PRUNED_AT_ONCE", 3)
    for chain in CHAINS:
        await append(audit_url, chain, *(NOW + day for day in range(10)))
    for before, now in ((4, 20), (8, 21), (20, 22)):
        await prune(audit_url, NOW + before, actor="op", now=NOW + now)
        found = await clean(audit_url)
        assert {chain: found[chain][0] for chain in CHAINS if chain != "operator"} == dict.fromkeys(
            ("history", "router", "zealand"), min(before, 9) + 1
        )
    await prune(audit_url, NOW + 22, actor="op", now=NOW + 30)
    assert (await clean(audit_url))["operator"][0] > 11


async def test_a_part_is_the_same_work_however_much_is_old(
    audit_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in steps of SQLite's machine: it has the writers' lock meanwhile."""
    monkeypatch.setattr(retention, "PRUNED_AT_ONCE", 3)
    steps: list[int] = []
    engine = open_in_thread(audit_url)
    for backlog in (20, 2_000):
        await append_many(audit_url, f"router{backlog}", backlog)
        with engine.begin() as connection:
            raw = connection.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            counted = [0]

            def step(counted: list[int] = counted) -> None:
                counted[0] += 1

            raw.set_progress_handler(step, 1)
            found = retention._prune_some(connection, f"router{backlog}", NOW + 5_000, "op", NOW + 5_000)
            raw.set_progress_handler(None, 1)
            assert found is not None and found[1] == 3
        steps.append(counted[0])
    engine.dispose()
    assert steps[1] < 1.5 * steps[0], steps


async def test_who_reads_meanwhile_makes_nobody_wait(
    audit_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever would wait for the reader here waits longer than the test."""
    await append(audit_url, "router", NOW, NOW + 1, NOW + 2)
    monkeypatch.setattr("hub.database.BUSY_TIMEOUT_MS", 60_000)
    reader = sqlite3.connect(tmp_path / "audit.db", isolation_level=None)
    try:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM entry").fetchone() == (3,)
        async with asyncio.timeout(20):
            await prune(audit_url, NOW + 1, actor="op", now=NOW + 10)
            await append(audit_url, "router", NOW + 11)
        assert reader.execute("SELECT count(*) FROM entry").fetchone() == (3,), "it still reads what was"
    finally:
        reader.close()
    assert await clean(audit_url) == {"router": (2, 4), "operator": (1, 1)}


async def test_the_future_cannot_be_removed(audit_url: str) -> None:
    with pytest.raises(ValueError, match="has passed"):
        await prune(audit_url, NOW + 11, actor="op", now=NOW + 10)


async def test_entries_still_cannot_be_deleted_otherwise(audit_url: str, tmp_path: Path) -> None:
    await append(audit_url, "router", NOW, NOW + 1, NOW + 2)
    await prune(audit_url, NOW + 1, actor="op", now=NOW + 10)
    with sqlite3.connect(tmp_path / "audit.db") as database, pytest.raises(sqlite3.IntegrityError):
        database.execute("DELETE FROM entry")


# --- any change is found ------------------------------------------------------------------------------

Forgery = Callable[[sqlite3.Connection, random.Random], None]
ROW = ("chain", "seq", *COLUMNS, "previous_hash", "hash")
QUOTED = ", ".join(f'"{name}"' for name in ROW)


def some(database: sqlite3.Connection, chance: random.Random) -> int:
    return int(chance.choice(database.execute("SELECT id FROM entry").fetchall())[0])


def change_a_value(database: sqlite3.Connection, chance: random.Random) -> None:
    column = chance.choice([*COLUMNS, "previous_hash", "hash", "seq"])
    value = {"at": 5.5, "seq": 77}.get(column, "f" * 64)
    database.execute(f'UPDATE entry SET "{column}" = ? WHERE id = ?', (value, some(database, chance)))


def remove_a_row(database: sqlite3.Connection, chance: random.Random) -> None:
    database.execute("DELETE FROM entry WHERE id = ?", (some(database, chance),))


def remove_the_first_rows_of_a_chain(database: sqlite3.Connection, chance: random.Random) -> None:
    chain = chance.choice(CHAINS)
    database.execute(
        "DELETE FROM entry WHERE chain = ? AND seq <= (SELECT min(seq) FROM entry WHERE chain = ?) + ?",
        (chain, chain, chance.randrange(3)),
    )


def remove_a_chain(database: sqlite3.Connection, chance: random.Random) -> None:
    database.execute("DELETE FROM entry WHERE chain = ?", (chance.choice(CHAINS),))


def swap_two_rows(database: sqlite3.Connection, chance: random.Random) -> None:
    chain = chance.choice(CHAINS)
    found = [row[0] for row in database.execute("SELECT seq FROM entry WHERE chain = ?", (chain,))]
    one, other = chance.sample(found, 2)
    for old, new in ((one, 999), (other, one), (999, other)):
        database.execute("UPDATE entry SET seq = ? WHERE chain = ? AND seq = ?", (new, chain, old))


def put_a_row_before_the_first(database: sqlite3.Connection, chance: random.Random) -> None:
    """Rightly hashed, where retention had removed one."""
    chain = chance.choice(CHAINS)
    (first,) = database.execute("SELECT min(seq) FROM entry WHERE chain = ?", (chain,)).fetchone()
    insert(database, FIRST_PREVIOUS, chain, first - 1)


def put_a_row_behind_the_last(database: sqlite3.Connection, chance: random.Random) -> None:
    chain = chance.choice(CHAINS)
    last = "SELECT seq, hash FROM entry WHERE chain = ? ORDER BY seq DESC LIMIT 1"
    seq, hash_ = database.execute(last, (chain,)).fetchone()
    insert(database, hash_, chain, seq + 1)


def write_an_end_anew(database: sqlite3.Connection, chance: random.Random) -> None:
    """Change a row and hash all that follow anew, as they would have been."""
    chain = chance.choice(CHAINS)
    found = database.execute(f"SELECT {QUOTED} FROM entry WHERE chain = ? ORDER BY seq", (chain,)).fetchall()
    from_ = chance.randrange(len(found))
    previous = found[from_][ROW.index("previous_hash")]
    for number, row in enumerate(found[from_:]):
        values = list(row[2 : 2 + len(COLUMNS)])
        if number == 0:
            values[COLUMNS.index("stanza_id")] = "forged"
        digest = row_hash(previous, chain, row[1], tuple(values))
        database.execute(
            "UPDATE entry SET stanza_id = ?, previous_hash = ?, hash = ? WHERE chain = ? AND seq = ?",
            (values[COLUMNS.index("stanza_id")], previous, digest, chain, row[1]),
        )
        previous = digest


def insert(database: sqlite3.Connection, previous: str, chain: str, seq: int) -> None:
    values = (NOW, "request", *[""] * (len(COLUMNS) - 2))
    digest = row_hash(previous, chain, seq, values)
    places = ", ".join("?" * len(ROW))
    database.execute(
        f"INSERT INTO entry ({QUOTED}) VALUES ({places})", (chain, seq, *values, previous, digest)
    )


FORGERIES: tuple[Forgery, ...] = (
    change_a_value, remove_a_row, remove_the_first_rows_of_a_chain, remove_a_chain, swap_two_rows,
    put_a_row_before_the_first, put_a_row_behind_the_last, write_an_end_anew,
)  # fmt: skip


def checked(database: sqlite3.Connection) -> Verification:
    checker = ChainChecker()
    for row in database.execute(f"SELECT {QUOTED} FROM entry ORDER BY chain, seq"):
        checker.take(dict(zip(ROW, row, strict=True)))
    return checker.result()


@pytest.mark.parametrize("seed", range(4))
async def test_any_change_is_found_by_itself_or_by_the_ends_that_were_noted(
    audit_url: str, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    now = NOW
    for chain in CHAINS:
        await append(audit_url, chain, NOW, NOW + 1, NOW + 2)
    for _ in range(seed * 2):
        now += 10
        if chance.random() < 0.5:
            await prune(audit_url, now - chance.randrange(25), actor="op", now=now)
        else:
            await append(audit_url, chance.choice(CHAINS), *(now + step for step in range(4)))
    await append(audit_url, "operator", now + 20)
    for chain in CHAINS:
        await append(audit_url, chain, now + 21, now + 22)
    database = sqlite3.connect(tmp_path / "audit.db", isolation_level=None)
    for trigger in ("entry_no_update", "entry_no_delete"):
        database.execute(f"DROP TRIGGER {trigger}")
    noted = checked(database)
    assert noted.findings == ()
    for forgery in FORGERIES * 12:
        before = database.execute(f"SELECT {QUOTED} FROM entry ORDER BY chain, seq").fetchall()
        database.execute("BEGIN")
        forgery(database, chance)
        after = database.execute(f"SELECT {QUOTED} FROM entry ORDER BY chain, seq").fetchall()
        found = checked(database)
        database.execute("ROLLBACK")
        assert after == before or found.findings or found.heads != noted.heads, forgery.__name__
        if forgery not in (put_a_row_behind_the_last, write_an_end_anew, remove_a_row, remove_a_chain):
            assert after == before or found.findings, forgery.__name__
    database.close()


async def test_it_is_done_beside_the_event_loop_and_ends_when_it_is_told_to(
    audit_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub that stops while its audit is pruned: what is left is whole, the rest goes the next time."""
    await append(audit_url, "router", *(NOW + number for number in range(6)))
    threads: list[threading.Thread] = []
    prune_some = retention._prune_some

    def seen(*given: Any) -> Any:
        threads.append(threading.current_thread())
        return prune_some(*given)

    monkeypatch.setattr(retention, "_prune_some", seen)
    monkeypatch.setattr(retention, "PRUNED_AT_ONCE", 2)
    monkeypatch.setattr(retention, "PAUSE", 1_000.0)
    task = asyncio.create_task(prune(audit_url, NOW + 10, actor="ops", now=NOW + 20))
    async with asyncio.timeout(20):
        while len(rows(tmp_path)) != 5:  # noqa: ASYNC110 - another thread writes
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait({task})
    assert threads
    assert threading.main_thread() not in threads
    assert await clean(audit_url) == {"router": (3, 6), "operator": (1, 1)}
    monkeypatch.setattr(retention, "PAUSE", 0.0)
    await prune(audit_url, NOW + 10, actor="ops", now=NOW + 20)
    assert await clean(audit_url) == {"router": (6, 6), "operator": (1, 3)}
