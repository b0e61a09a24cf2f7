"""What is appended is on the disk before anybody goes on, in one chain, whatever happens around it."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import event

from hub.audit import (
    AuditClosed,
    AuditEntry,
    AuditError,
    AuditFilter,
    AuditFull,
    AuditKind,
    AuditLog,
    AuditReader,
    verify,
)
from hub.audit import log as audit_log
from hub.audit.entry import CUT, FIRST_PREVIOUS, MAX_REFERENCES_TEXT, MAX_TEXT

NOW = 1_800_000_000.25


def entry(number: int = 0, **given: object) -> AuditEntry:
    values: dict[str, object] = {
        "at": NOW + number, "kind": AuditKind.REQUEST, "provider": "agg",
        "provider_jid": "control@agg.example/desk1", "heat_pump": "hp0001", "box": "box0001@boxes.example",
        "stanza_id": f"id{number}", "service": "Operate", "references": ("HP/RlyGGIO1.SPCSO1",),
        "detail": "on",
    }  # fmt: skip
    return AuditEntry(**{**values, **given})  # type: ignore[arg-type]


def stored(folder: Path, columns: str = "chain, seq, stanza_id") -> list[tuple[object, ...]]:
    with sqlite3.connect(folder / "audit.db") as database:
        return database.execute(f"SELECT {columns} FROM entry ORDER BY id").fetchall()


@pytest.fixture
async def audit(audit_url: str) -> AsyncIterator[AuditLog]:
    opened = await AuditLog.open(audit_url, "router")
    yield opened
    await opened.close()


async def test_an_entry_is_in_the_file_when_append_returns(audit: AuditLog, tmp_path: Path) -> None:
    await audit.append(entry())
    (row,) = stored(
        tmp_path, '"at", kind, provider, provider_jid, heat_pump, box, service, "references", detail'
    )
    assert row == (
        NOW, "request", "agg", "control@agg.example/desk1", "hp0001", "box0001@boxes.example", "Operate",
        "HP/RlyGGIO1.SPCSO1", "on",
    )  # fmt: skip


async def test_many_share_a_commit_and_keep_their_order(audit: AuditLog, tmp_path: Path) -> None:
    commits = 0

    @event.listens_for(audit._engine, "commit")
    def count(_connection: object) -> None:
        nonlocal commits
        commits += 1

    await asyncio.gather(*(audit.append(entry(number)) for number in range(500)))
    assert stored(tmp_path) == [("router", number + 1, f"id{number}") for number in range(500)]
    assert commits <= 2


async def test_who_is_nearly_alone_does_not_wait_for_others(
    audit: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "GATHERING", 3_600.0)
    async with asyncio.timeout(20.0):
        for number in range(audit_log.CROWD):
            await audit.append(entry(number))
        await asyncio.gather(*(audit.append(entry(number)) for number in range(audit_log.CROWD - 1)))
        await audit.append(entry())


async def test_the_chain_goes_on_after_a_restart(audit_url: str, tmp_path: Path) -> None:
    for _ in range(3):
        audit = await AuditLog.open(audit_url, "router")
        await audit.append(entry())
        await audit.close()
    rows = stored(tmp_path, "seq, previous_hash, hash")
    assert [row[0] for row in rows] == [1, 2, 3]
    assert [row[1] for row in rows] == [FIRST_PREVIOUS, rows[0][2], rows[1][2]]
    assert (await verify(audit_url)).findings == ()


async def test_close_writes_what_waits_and_takes_no_more(audit_url: str, tmp_path: Path) -> None:
    audit = await AuditLog.open(audit_url, "router")
    waiting = [asyncio.create_task(audit.append(entry(number))) for number in range(50)]
    await asyncio.sleep(0)
    await audit.close()
    await asyncio.gather(*waiting)
    assert len(stored(tmp_path)) == 50
    with pytest.raises(AuditClosed):
        await audit.append(entry())


async def test_more_than_may_wait_is_refused_at_once(
    audit: AuditLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "MAX_WAITING", 3)
    blocker = sqlite3.connect(tmp_path / "audit.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    waiting = []
    for number in range(3):
        waiting.append(asyncio.create_task(audit.append(entry(number))))
        await asyncio.sleep(0.02)  # the first is in the writer's hand by now: it counts too
    with pytest.raises(AuditFull):
        await asyncio.wait_for(audit.append(entry(3)), 1.0)
    blocker.execute("ROLLBACK")
    await asyncio.gather(*waiting)
    await audit.append(entry(4))
    assert [row[2] for row in stored(tmp_path)] == ["id0", "id1", "id2", "id4"]


async def test_a_failed_write_is_told_and_the_next_may_succeed(audit: AuditLog, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "audit.db") as database:
        database.execute("ALTER TABLE entry RENAME TO hidden")
    with pytest.raises(AuditError, match="could not be written"):
        await audit.append(entry(1))
    with sqlite3.connect(tmp_path / "audit.db") as database:
        database.execute("ALTER TABLE hidden RENAME TO entry")
    await audit.append(entry(2))
    assert stored(tmp_path) == [("router", 1, "id2")]


async def test_who_stops_waiting_does_not_stop_the_others(audit: AuditLog, tmp_path: Path) -> None:
    tasks = [asyncio.create_task(audit.append(entry(number))) for number in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert [row[2] for row in stored(tmp_path)] == ["id0", "id1", "id2"]


WRITER = """
import asyncio, sys
from hub.audit import AuditEntry, AuditKind, AuditLog

async def main(url, chain, me):
    audit = await AuditLog.open(url, chain)
    for number in range(25):
        await audit.append(AuditEntry(at=float(number), kind=AuditKind.OPERATOR, stanza_id=f"{me}-{number}"))
    await audit.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_processes_append_side_by_side_also_to_one_chain(audit_url: str, tmp_path: Path) -> None:
    writers = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, audit_url, chain, me)
        for chain, me in (("operator", "a"), ("operator", "b"), ("router", "c"))
    ]
    assert [await writer.wait() for writer in writers] == [0, 0, 0]
    result = await verify(audit_url)
    assert result.findings == ()
    assert [(head.chain, head.seq) for head in result.heads] == [("operator", 50), ("router", 25)]
    for me in "abc":
        own = [str(row[2]) for row in stored(tmp_path) if str(row[2]).startswith(f"{me}-")]
        assert own == [f"{me}-{number}" for number in range(25)]


async def test_long_texts_are_cut(audit: AuditLog, tmp_path: Path) -> None:
    await audit.append(entry(stanza_id="x" * 9_000, references=("LD0/LLN0.Mod",) * 900))
    ((stanza_id, references),) = stored(tmp_path, 'stanza_id, "references"')
    assert len(str(stanza_id)) == MAX_TEXT
    assert len(str(references)) == MAX_REFERENCES_TEXT
    assert str(stanza_id).endswith(CUT)


@pytest.mark.parametrize("statement", ["UPDATE entry SET detail = 'off'", "DELETE FROM entry"])
async def test_the_database_refuses_any_other_change(audit: AuditLog, tmp_path: Path, statement: str) -> None:
    await audit.append(entry())
    with (
        sqlite3.connect(tmp_path / "audit.db") as database,
        pytest.raises(sqlite3.IntegrityError, match="only ever"),
    ):
        database.execute(statement)


async def test_what_is_read_is_what_was_written(audit: AuditLog, audit_url: str) -> None:
    written = [
        entry(0),
        entry(1, kind=AuditKind.REFUSAL, heat_pump="hp0002", references=()),
        entry(2, provider="other"),
        AuditEntry(at=NOW + 3, kind=AuditKind.OPERATOR, actor="op", service="grant add"),
    ]
    for one in written:
        await audit.append(one)
    reader = await AuditReader.open(audit_url)

    async def found(**wanted: object) -> list[AuditEntry]:
        return [one.entry for one in await reader.newest(AuditFilter(**wanted), 100)]  # type: ignore[arg-type]

    assert await found() == written
    assert await found(heat_pump="hp0002") == [written[1]]
    assert await found(provider="other") == [written[2]]
    assert await found(kind=AuditKind.OPERATOR) == [written[3]]
    assert await found(since=NOW + 2) == written[2:]
    assert await found(provider="agg", kind=AuditKind.REQUEST) == [written[0]]
    newest = await reader.newest(AuditFilter(), 2)
    assert [one.entry for one in newest] == written[2:]
    assert [one.entry for one in await reader.after(AuditFilter(), newest[0].id, 10)] == written[3:]
    await reader.close()


async def test_many_are_appended_with_one_wait_and_each_has_its_outcome(
    audit: AuditLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await audit.append_all([]) == []
    assert await audit.append_all([entry(1), entry(2)]) == [None, None]
    assert [row[2] for row in stored(tmp_path)] == ["id1", "id2"]
    monkeypatch.setattr(audit_log, "MAX_WAITING", 1)
    first, second = await audit.append_all([entry(3), entry(4)])
    assert first is None
    assert isinstance(second, AuditFull)
    assert [row[2] for row in stored(tmp_path)] == ["id1", "id2", "id3"]
