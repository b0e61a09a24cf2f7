"""Somebody with the file in his hands and the triggers dropped: what he did is found."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from hub.audit import AuditEntry, AuditKind, AuditLog, verify


@pytest.fixture
async def filled(audit_url: str, tmp_path: Path) -> sqlite3.Connection:
    for chain in ("operator", "router"):
        audit = await AuditLog.open(audit_url, chain)
        for number in range(5):
            await audit.append(
                AuditEntry(
                    at=1.5 + number, kind=AuditKind.REQUEST, stanza_id=f"id{number}", detail="on", actor="op"
                )
            )
        await audit.close()
    database = sqlite3.connect(tmp_path / "audit.db", isolation_level=None)
    database.execute("DROP TRIGGER entry_no_update")
    database.execute("DROP TRIGGER entry_no_delete")
    return database


async def test_an_untouched_audit_is_found_so(filled: sqlite3.Connection, audit_url: str) -> None:
    result = await verify(audit_url)
    assert result.findings == ()
    assert [(head.chain, head.seq, len(head.hash)) for head in result.heads] == [
        ("operator", 5, 64),
        ("router", 5, 64),
    ]


@pytest.mark.parametrize(
    "column",
    ["at", "kind", "provider", "provider_jid", "heat_pump", "box", "stanza_id", "service", "references",
     "detail", "actor"],
)  # fmt: skip
async def test_any_changed_column_is_found(filled: sqlite3.Connection, audit_url: str, column: str) -> None:
    value = 99.0 if column == "at" else "forged"
    filled.execute(f"UPDATE entry SET \"{column}\" = ? WHERE chain = 'router' AND seq = 3", (value,))
    (finding,) = (await verify(audit_url)).findings
    assert (finding.chain, finding.seq, finding.problem) == ("router", 3, "was changed after it was written")


async def test_a_removed_row_is_found(filled: sqlite3.Connection, audit_url: str) -> None:
    filled.execute("DELETE FROM entry WHERE chain = 'operator' AND seq IN (2, 3)")
    (finding,) = (await verify(audit_url)).findings
    assert (finding.chain, finding.seq, finding.problem) == ("operator", 4, "rows 2 to 3 are missing")


async def test_a_removed_first_row_is_found(filled: sqlite3.Connection, audit_url: str) -> None:
    filled.execute("DELETE FROM entry WHERE chain = 'operator' AND seq = 1")
    (finding,) = (await verify(audit_url)).findings
    assert (finding.chain, finding.seq) == ("operator", 2)


async def test_a_removed_row_is_found_though_the_rest_was_numbered_anew(
    filled: sqlite3.Connection, audit_url: str
) -> None:
    filled.execute("DELETE FROM entry WHERE chain = 'router' AND seq = 3")
    filled.execute("UPDATE entry SET seq = seq - 1 WHERE chain = 'router' AND seq = 4")
    filled.execute("UPDATE entry SET seq = seq - 1 WHERE chain = 'router' AND seq = 5")
    assert {(one.seq, one.problem) for one in (await verify(audit_url)).findings} == {
        (3, "does not follow from the row before it"),
        (3, "was changed after it was written"),
        (4, "was changed after it was written"),
    }


async def test_swapped_rows_are_found(filled: sqlite3.Connection, audit_url: str) -> None:
    for old, new in ((2, 77), (3, 2), (77, 3)):
        filled.execute("UPDATE entry SET seq = ? WHERE chain = 'router' AND seq = ?", (new, old))
    assert {one.seq for one in (await verify(audit_url)).findings} == {2, 3, 4}


async def test_a_row_moved_to_another_chain_is_found(filled: sqlite3.Connection, audit_url: str) -> None:
    filled.execute("UPDATE entry SET chain = 'operator', seq = 6 WHERE chain = 'router' AND seq = 5")
    assert {(one.chain, one.seq) for one in (await verify(audit_url)).findings} == {("operator", 6)}


async def test_a_cut_end_shows_in_the_head(filled: sqlite3.Connection, audit_url: str) -> None:
    before = (await verify(audit_url)).heads
    filled.execute("DELETE FROM entry WHERE chain = 'router' AND seq = 5")
    after = (await verify(audit_url)).heads
    assert before[0] == after[0]
    assert (before[1].seq, after[1].seq) == (5, 4)
    assert before[1].hash != after[1].hash
