"""Nothing of what was deleted stays in an SQLite file: free pages, and the log of earlier changes."""

from __future__ import annotations

import sqlite3

from sqlalchemy.engine import make_url

from hub.database import BUSY_TIMEOUT_MS


class NotWiped(Exception):
    """What was deleted may still stand in the file; the message says what to do."""


def wipe_deleted(url: str) -> None:
    """Write the file anew without what was deleted, and empty its write-ahead log: beside a running hub,
    which waits for it, some milliseconds a megabyte. Backups and the disk's own spare blocks are not reached.

    Raises NotWiped if somebody reads or writes all the time.
    """
    file = make_url(url).database or ""
    connection = sqlite3.connect(file, timeout=BUSY_TIMEOUT_MS / 1_000, isolation_level=None)
    try:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("VACUUM")
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError as failed:
        raise NotWiped(_message(file, str(failed))) from None
    finally:
        connection.close()
    if busy:
        raise NotWiped(_message(file, "another process reads it"))


def _message(file: str, reason: str) -> str:
    return f"deleted data may still stand in free pages of {file} ({reason}): `hphub person wipe` tries again"
