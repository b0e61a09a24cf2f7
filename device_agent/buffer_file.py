"""The file behind the box's entry buffers: SQLite, made so that a power cut loses nothing that was promised.

WAL with synchronous FULL: an append costs one write of the pages it changed, at the end of one file, and one
fsync; the rewriting of pages in place is put off until ``CHECKPOINT_PAGES`` have come together. The lock is
exclusive, which also spares the shared-memory file.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger()

PAGE_OCTETS = 4096
CHECKPOINT_PAGES = 1000
"""Pages in the WAL before they are written in place: a page that grew entry by entry is so rewritten once."""
WAL_OCTETS = 2 * CHECKPOINT_PAGES * (PAGE_OCTETS + 24)
"""What the WAL may take of the room, with as much again for one transaction that outgrows it."""
LOCK_WAIT = 0.0
"""Seconds to wait for another process that has the file: it keeps it, and the box must go on."""
FORM = 0x68704201
"""application_id of our files: ``hpB`` and the number of this form of tables."""
MAX_EPOCH = (1 << 32) - 1
EPOCH_STEP_BITS = 8
"""An epoch is the time in steps of 2^8 s with 8 random bits, so that a box without a clock, whose file was
lost twice, does not number its entries as before."""

_HEADER_OCTETS = 100
_MAGIC = b"SQLite format 3\0"
_USER_VERSION, _APPLICATION_ID = slice(60, 64), slice(68, 72)
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_PRIMARY_CODE = 0xFF
"""The low octet of SQLite's extended error codes says what kind of error it is."""

_TABLES = """
CREATE TABLE blocks (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, content TEXT NOT NULL,
    counter INTEGER NOT NULL DEFAULT 0, lost INTEGER NOT NULL, sent INTEGER NOT NULL DEFAULT 0
)"""


class NotOurs(sqlite3.DatabaseError):
    """A sound file of SQLite, but not a buffer of ours."""


class BufferFile:
    """Opens the file, makes it anew if it is damaged, and carries out transactions; stops the box never.

    ``max_octets``: what the file and its WAL may take. ``clock`` gives seconds since 1970.
    """

    def __init__(self, path: Path, max_octets: int, clock: Callable[[], float]) -> None:
        self._path = path
        self._max_octets = max_octets
        self._clock = clock
        self._db: sqlite3.Connection | None = None
        self._wanted = False
        self.epoch = 0
        self.replaced = False
        """A damaged file was set aside: entries are lost that nobody counted."""
        self.generation = 0
        """Counts openings: what was read from the file before holds no more."""
        self._blocks = 1
        self.kept = True
        """What was last appended is on the disk."""

    @property
    def share(self) -> int:
        """Octets of entries that one buffer may keep."""
        return (self._max_octets - WAL_OCTETS) // max(self._blocks, 1)

    def open(self) -> None:
        """Open the file; what fails is logged and tried again with the next entry."""
        self._wanted = True
        with contextlib.suppress(OSError):
            self._connection()

    def close(self) -> None:
        """Write everything in place and let the file go."""
        self._wanted = False
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                self._db.close()
            self._db = None

    def count_blocks(self, db: sqlite3.Connection) -> None:
        """Share the room among the buffers that there are now."""
        self._blocks = db.execute("SELECT count(*) FROM blocks").fetchone()[0]

    def forget_all_but(self, names: Collection[str]) -> None:
        """Delete what was kept for others than these; if the disk refuses, it stays."""
        with contextlib.suppress(OSError), self.transaction() as db:
            for id_, name in db.execute("SELECT id, name FROM blocks").fetchall():
                if name not in names:
                    log.warning("the model has this no more: its entries are forgotten", buffer=name)
                    db.execute(f"DROP TABLE entries_{id_}")
                    db.execute("DELETE FROM blocks WHERE id = ?", (id_,))
            self.count_blocks(db)

    def read(self, sql: str, arguments: Sequence[Any] = ()) -> list[Any]:
        """The rows of a query; none before the file is to be open.

        Raises OSError if it cannot be read, which is logged; if it was damaged, there is a new one then.
        """
        if not self._wanted:
            return []
        try:
            return self._connection().execute(sql, arguments).fetchall()
        except sqlite3.Error as error:
            self._failed(error)
            raise OSError(f"{self._path}: {error}") from error

    @property
    def wanted(self) -> bool:
        """It is to be open, though it may be that it cannot be opened."""
        return self._wanted

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """What is done inside is on the disk afterwards, all of it; raises OSError if nothing is.

        If the file was damaged, ``generation`` has changed then: there is a new one.
        """
        try:
            db = self._connection()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    with contextlib.suppress(sqlite3.Error):
                        db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            self._failed(error)
            raise OSError(f"{self._path}: {error}") from error
        if not self.kept:
            log.info("entries are kept again", file=str(self._path))
        self.kept = True

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            if not self._wanted:
                raise OSError(f"{self._path} is not open")
            try:
                self._db = self._opened()
            except sqlite3.Error as error:
                self._not_kept(error)
                raise OSError(f"{self._path}: {error}") from error
            except OSError as error:
                self._not_kept(error)
                raise
            self.generation += 1
        return self._db

    def _opened(self) -> sqlite3.Connection:
        try:
            return self._existing_or_new(_epoch_of(_damaged(self._path)))
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            return self._anew(error)

    def _existing_or_new(self, above: int) -> sqlite3.Connection:
        """A new file gets an epoch above this. Raises sqlite3.Error, also for a file that is none of ours."""
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        db = sqlite3.connect(self._path, timeout=LOCK_WAIT, isolation_level=None)
        try:
            db.execute("PRAGMA locking_mode=EXCLUSIVE")
            db.execute(f"PRAGMA page_size={PAGE_OCTETS}")
            new = not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if not new and db.execute("PRAGMA application_id").fetchone()[0] != FORM:
                raise NotOurs("the file is of another program, or of another version of this one")
            for pragma in (
                "journal_mode=WAL",
                "synchronous=FULL",
                f"wal_autocheckpoint={CHECKPOINT_PAGES}",
                # Some builds overwrite what is deleted: that wears the card out, and hides nothing here.
                "secure_delete=OFF",
            ):
                db.execute(f"PRAGMA {pragma}")
            if new:
                _make_tables(db, _new_epoch(self._clock(), above))
            self.epoch = db.execute("PRAGMA user_version").fetchone()[0] & MAX_EPOCH
            self.count_blocks(db)
        except BaseException:
            db.close()
            raise
        return db

    def _anew(self, error: sqlite3.Error) -> sqlite3.Connection:
        """Set the damaged file aside, for people to look at, and begin a new one."""
        aside = _damaged(self._path)
        log.error(
            "the buffer is damaged, begun anew", file=str(self._path), aside=str(aside), reason=str(error)
        )
        above = max(self.epoch, _epoch_of(self._path), _epoch_of(aside))
        for suffix in ("", "-wal"):
            Path(f"{aside}{suffix}").unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self._path}{suffix}").replace(f"{aside}{suffix}")
        self.replaced = True
        return self._existing_or_new(above)

    def _failed(self, error: sqlite3.Error) -> None:
        if not _is_damage(error) or self._db is None:
            self._not_kept(error)
            return
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        self._db = None
        try:
            self._db = self._anew(error)
        except (sqlite3.Error, OSError) as second:
            self._not_kept(second)
        else:
            self.generation += 1

    def _not_kept(self, error: Exception) -> None:
        if self.kept:
            log.error("entries cannot be kept", file=str(self._path), reason=str(error))
        self.kept = False


def _make_tables(db: sqlite3.Connection, epoch: int) -> None:
    db.execute("BEGIN IMMEDIATE")
    db.execute(_TABLES)
    db.execute(f"PRAGMA application_id={FORM}")
    # The number in the header has a sign.
    db.execute(f"PRAGMA user_version={epoch - (MAX_EPOCH + 1 if epoch > MAX_EPOCH >> 1 else 0)}")
    db.execute("COMMIT")
    # So that the epoch can be read from the header even if the rest is damaged one day.
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _new_epoch(now: float, above: int) -> int:
    step = min(max(int(now), 0), MAX_EPOCH) >> EPOCH_STEP_BITS
    return min(max((step << EPOCH_STEP_BITS) + secrets.randbits(EPOCH_STEP_BITS), above + 1), MAX_EPOCH)


def _epoch_of(path: Path) -> int:
    """The epoch in the header of one of our files, 0 if it cannot be read."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_OCTETS)
    except OSError:
        return 0
    ours = header.startswith(_MAGIC) and int.from_bytes(header[_APPLICATION_ID]) == FORM
    return int.from_bytes(header[_USER_VERSION]) if ours else 0


def _damaged(path: Path) -> Path:
    return path.with_name(f"{path.name}.damaged")


def _is_damage(error: sqlite3.Error) -> bool:
    return isinstance(error, NotOurs) or getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE in _DAMAGE
