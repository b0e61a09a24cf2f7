"""What was deleted is in the file no more, also if whoever deleted it did not overwrite it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from hub import wiping
from hub.wiping import NotWiped, wipe_deleted

PRIVATE = "Kim Bergstrand"


def filled(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(file, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA secure_delete = OFF")
    database.execute("CREATE TABLE person (name TEXT)")
    database.execute("BEGIN")
    database.executemany("INSERT INTO person VALUES (?)", [(f"{PRIVATE} {n}",) for n in range(2_000)])
    database.execute("COMMIT")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.execute("DELETE FROM person WHERE rowid > 3")
    return database


def test_free_pages_and_the_log_of_changes_are_emptied(tmp_path: Path) -> None:
    file = tmp_path / "some.db"
    database = filled(file)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert f"{PRIVATE} 1000".encode() in file.read_bytes()
    wipe_deleted(f"sqlite+aiosqlite:///{file}")
    written = b"".join(one.read_bytes() for one in tmp_path.glob("some.db*"))
    assert f"{PRIVATE} 1000".encode() not in written
    assert written.count(PRIVATE.encode()) == 3, "what was not deleted is there"
    database.close()


def test_who_cannot_wipe_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiping, "BUSY_TIMEOUT_MS", 10)
    file = tmp_path / "some.db"
    reader = filled(file)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM person").fetchone()
    with pytest.raises(NotWiped, match=r"some\.db.*hphub person wipe"):
        wipe_deleted(f"sqlite:///{file}")
    reader.close()
