"""The entries of one buffered report or log: a table in the box's buffer file, bounded in octets."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from sqlite3 import Connection
from typing import Any, Literal

import structlog

from device_agent.buffer_file import PAGE_OCTETS, BufferFile
from device_agent.entry_codec import DamagedEntry, decode, encode
from iec61850_model.server.buffer import EPOCH_SHIFT, Entry, Member

log = structlog.get_logger()

ROW_OCTETS = 26
"""What a row takes beside its members: number, time, sum, headers and its place in the page."""
PAGE_ROOM = PAGE_OCTETS - 8
"""Octets of a page for rows."""
BATCH = 32
"""A buffer without room gives up a 32nd of it at once, so that not every entry costs a deletion."""
SENT_STEP = 32
"""Entries after which the disk is told up to where they were sent: it costs a page, for an alarm."""
NONE_LOST = -1
"""In the table, where 0 says that everything was lost that was in a damaged file."""


def octets_of_row(body: int) -> int:
    """What an entry whose members have so many octets takes of the file, at most.

    Rows lie in pages: what is left of a page counts too. A row larger than a page has pages of its own.
    """
    row = body + ROW_OCTETS
    in_a_page = PAGE_ROOM // row
    return PAGE_OCTETS // in_a_page if in_a_page else (row // PAGE_ROOM + 2) * PAGE_OCTETS


class StoredBuffer:
    """An ``EntryBuffer`` in a file, bounded in octets. ``device_agent.buffer.Buffers`` makes it."""

    def __init__(self, file: BufferFile, name: str) -> None:
        self._file = file
        self._name = name
        self._content: str | None = None
        """What the entries are of; None before anybody said or read it."""
        self._generation = 0
        self._table = ""
        self._counter = 0
        self._lost = NONE_LOST
        self._sent = self._stored_sent = 0
        """Counter up to which entries were sent: what is known, and what the disk knows."""
        self._to_clear = False
        """The disk refused to clear: entries up to ``_cleared`` do not count, and go with the next append."""
        self._cleared = 0
        self._begin = self._end = 0
        """Sums of octets before the oldest and with the newest entry."""
        self._ends: dict[str, Entry] = {}
        """The oldest and the newest entry as they were last read."""

    # --- EntryBuffer ------------------------------------------------------------------------------

    def begin(self, content: str) -> None:
        """Say what the entries from here on are of; those of another content are forgotten."""
        self._look()
        before, self._content = self._content, content
        if self._table and content != before:
            with contextlib.suppress(OSError):
                if self._last_counter():
                    self._log_forgotten()
            self.clear()

    def append(self, time: float, members: Sequence[Member]) -> Entry:
        """Keep an entry under the next number; it is on the disk when this returns.

        Raises OSError if it could not be stored: a full or failing disk. If the file turns out to be damaged,
        it is set aside and the entry goes into the new one.
        """
        octets = encode(members)
        self._look()
        before = self._generation
        try:
            self._insert(time, octets)
        except OSError:
            self._look()
            if self._generation == before:
                raise
            self._insert(time, octets)
        self._ends["DESC"] = entry = Entry(self._number(self._counter), time, tuple(members))
        return entry

    def replace(self, entry: Entry) -> None:
        """Keep this in place of the newest entry, whose number and time it has: more has come to it.

        Raises OSError if it could not be stored or is gone with a damaged file, ValueError if there are newer
        ones.
        """
        octets = encode(entry.members)
        self._look()
        counter = self._last_counter()
        if self._number(counter) < entry.number or self._file.epoch > entry.number >> EPOCH_SHIFT:
            raise OSError(f"entry {entry.number} is gone")
        if self._number(counter) != entry.number:
            raise ValueError(f"entry {entry.number} is not the newest one")
        with self._file.transaction() as db:
            old = db.execute(self._sql("SELECT length(body) FROM entries WHERE counter = ?"), (counter,))
            end = self._end + octets_of_row(len(octets)) - octets_of_row(old.fetchone()[0])
            sql = self._sql("UPDATE entries SET body = ?, sum = ? WHERE counter = ?")
            db.execute(sql, (octets, end, counter))
        self._end = end
        self._ends = {"DESC": entry}

    def after(self, number: int, limit: int) -> list[Entry]:
        """The first entries above ``number``, at most ``limit``.

        Raises OSError if the disk does not tell: that must not be taken for an end of the entries.
        """
        self._look()
        return self._entries("counter > ? ORDER BY counter LIMIT ?", self._above(number), limit)

    def between(self, start: float, stop: float, number: int, limit: int) -> list[Entry]:
        """Entries above ``number`` with a time in start..stop, at most ``limit``."""
        self._look()
        where = "counter > ? AND time BETWEEN ? AND ? ORDER BY counter LIMIT ?"
        with contextlib.suppress(OSError):
            return self._entries(where, self._above(number), start, stop, limit)
        return []

    def drop(self, numbers: Sequence[int]) -> None:
        """Forget these entries; if the disk refuses, they stay."""
        self._look()
        self._delete([self._above(number) for number in numbers], self._lost)

    def clear(self) -> None:
        """Forget all entries; numbers go on. If the disk refuses, they are hidden until it does not."""
        self._look()
        self._to_clear, self._cleared, self._lost = True, self._counter, NONE_LOST
        try:
            with self._file.transaction() as db:
                self._delete_cleared(db)
        except OSError as error:
            log.warning("entries could not be deleted yet", buffer=self._name, reason=str(error))
        else:
            self._to_clear, self._begin, self._end = False, 0, 0

    @property
    def first(self) -> Entry | None:
        """The oldest entry kept."""
        return self._at_end("ASC")

    @property
    def last(self) -> Entry | None:
        """The newest entry kept."""
        return self._at_end("DESC")

    @property
    def lost(self) -> int:
        """Number of the newest entry that went for want of room, or with a damaged file; 0: none."""
        self._look()
        return 0 if self._lost == NONE_LOST else self._number(self._lost)

    # --- how full ---------------------------------------------------------------------------------

    def note_sent(self, number: int) -> None:
        """Entries up to ``number`` have been sent to their reader."""
        self._look()
        self._sent = max(self._sent, min(self._above(number), self._counter))

    @property
    def waiting(self) -> float:
        """The part of this buffer's room that is taken by entries never sent: 0..1, rarely a little more."""
        self._look()
        sql = self._sql("SELECT sum FROM entries WHERE counter <= ? ORDER BY counter DESC LIMIT 1")
        rows: list[Any] = []
        with contextlib.suppress(OSError):
            rows = self._rows(sql, max(self._sent, self._cleared))
        return (self._end - (rows[0][0] if rows else self._begin)) / self._file.share

    # --- the table --------------------------------------------------------------------------------

    def _sql(self, text: str) -> str:
        """Each buffer has a table of its own: its entries lie together, and each goes to the end."""
        return text.replace("entries", self._table)

    def _rows(self, sql: str, *arguments: float) -> list[Any]:
        """Raises OSError if the file cannot be read."""
        if not self._table and self._file.wanted:
            raise OSError(f"there is no table for the entries of {self._name}")
        return self._file.read(sql, arguments) if self._table else []

    def _number(self, counter: int) -> int:
        return (self._file.epoch << EPOCH_SHIFT) + counter

    def _above(self, number: int) -> int:
        """The counter of ``number``, 0 for one of an earlier epoch."""
        return max(number - self._number(0), self._cleared)

    def _look(self) -> None:
        """See where the buffer stands, at the first use and when the file is another one."""
        for _ in range(2):  # the second time if the first found the file damaged
            if self._generation and self._generation == self._file.generation:
                return
            self._table, self._to_clear, self._cleared = "", False, 0
            self._ends.clear()
            with contextlib.suppress(OSError), self._file.transaction() as db:
                self._load(db)
                self._generation = self._file.generation

    def _load(self, db: Connection) -> None:
        find = "SELECT id, content, counter, lost, sent FROM blocks WHERE name = ?"
        if db.execute(find, (self._name,)).fetchone() is None:
            self._make_table(db)
        id_, content, self._counter, self._lost, self._sent = db.execute(find, (self._name,)).fetchone()
        self._stored_sent = self._sent
        self._table = f"entries_{id_}"
        newest = db.execute(self._sql("SELECT max(counter) FROM entries")).fetchone()[0]
        self._counter = max(self._counter, newest or 0)
        if self._content is None:
            self._content = content
        elif self._content != content:
            self._log_forgotten()
            self._lost = NONE_LOST
            self._delete_cleared(db)
        self._measure(db)
        self._file.count_blocks(db)

    def _log_forgotten(self) -> None:
        log.warning("entries of another data set are forgotten", buffer=self._name)

    def _make_table(self, db: Connection) -> None:
        lost = 0 if self._file.replaced else NONE_LOST
        sql = "INSERT INTO blocks (name, content, lost) VALUES (?, ?, ?)"
        id_ = db.execute(sql, (self._name, self._content or "", lost)).lastrowid
        db.execute(
            f"CREATE TABLE entries_{id_} (counter INTEGER PRIMARY KEY, time REAL NOT NULL,"
            " sum INTEGER NOT NULL, body BLOB NOT NULL)"
        )

    def _measure(self, db: Connection) -> None:
        ends = self._sql("SELECT sum, length(body) FROM entries ORDER BY counter {} LIMIT 1")
        oldest = db.execute(ends.format("ASC")).fetchone()
        newest = db.execute(ends.format("DESC")).fetchone()
        self._begin = oldest[0] - octets_of_row(oldest[1]) if oldest else 0
        self._end = newest[0] if newest else 0

    def _insert(self, time: float, octets: bytes) -> None:
        """Raises OSError; the number is not given again then."""
        self._counter += 1
        octets_here = octets_of_row(len(octets))
        begin, end, lost = self._begin, self._end + octets_here, self._lost
        with self._file.transaction() as db:
            if not self._table:
                raise OSError(f"there is no table for the entries of {self._name}")
            if self._to_clear:
                self._delete_cleared(db)
                begin, end = 0, octets_here
            if end - begin > self._file.share:
                begin, lost = self._make_room(db, end)
            sql = self._sql("INSERT INTO entries (counter, time, sum, body) VALUES (?, ?, ?, ?)")
            db.execute(sql, (self._counter, time, end, octets))
            sent = self._stored_sent
            if self._sent - sent >= SENT_STEP:
                sent = self._sent
                db.execute("UPDATE blocks SET sent = ? WHERE name = ?", (sent, self._name))
        self._begin, self._end, self._lost, self._to_clear = begin, end, lost, False
        self._stored_sent = sent

    def _last_counter(self) -> int:
        rows = self._rows(self._sql("SELECT max(counter) FROM entries WHERE counter > ?"), self._cleared)
        return int(rows[0][0] or 0) if rows else 0

    def _make_room(self, db: Connection, end: int) -> tuple[int, int]:
        """Let the oldest go for an entry that ends at ``end``; returns the new ``_begin`` and ``_lost``."""
        share = self._file.share
        query = self._sql("SELECT counter, sum FROM entries WHERE sum >= ? ORDER BY counter {} LIMIT 1")
        last_to_go = (end - share + share // BATCH,)
        row = db.execute(query.format("ASC"), last_to_go).fetchone()
        lost, begin = row or db.execute(query.format("DESC"), (0,)).fetchone() or (self._lost, end)
        db.execute(self._sql("DELETE FROM entries WHERE counter <= ?"), (lost,))
        db.execute("UPDATE blocks SET lost = ? WHERE name = ?", (lost, self._name))
        if self._lost == NONE_LOST:
            log.warning("no more room: the oldest entries go", buffer=self._name)
        return begin, lost

    def _delete_cleared(self, db: Connection) -> None:
        db.execute(
            "UPDATE blocks SET counter = ?, lost = ?, content = ? WHERE name = ?",
            (self._counter, NONE_LOST, self._content, self._name),
        )
        # Without a condition, which is quick however many there are.
        db.execute(self._sql("DELETE FROM entries"))

    def _delete(self, counters: Sequence[int], lost: int) -> bool:
        """Whether it is done."""
        try:
            with self._file.transaction() as db:
                sql = "UPDATE blocks SET counter = ?, lost = ? WHERE name = ?"
                db.execute(sql, (self._counter, lost, self._name))
                sql = self._sql("DELETE FROM entries WHERE counter = ?")
                db.executemany(sql, [(counter,) for counter in counters])
        except OSError as error:
            log.warning("entries could not be deleted", buffer=self._name, reason=str(error))
            return False
        self._lost = lost
        return True

    def _at_end(self, order: Literal["ASC", "DESC"]) -> Entry | None:
        """The first entry in this order."""
        self._look()
        end = f"counter > ? ORDER BY counter {order} LIMIT 1"
        try:
            rows = self._rows(self._sql("SELECT counter FROM entries WHERE ") + end, self._cleared)
            known = self._ends.get(order)
            if rows and (known is None or known.number != self._number(rows[0][0])):
                known = next(iter(self._entries(end, self._cleared)), None)
        except OSError:
            return None
        if not rows or known is None:
            return None
        self._ends[order] = known
        return known

    def _entries(self, where: str, *arguments: float) -> list[Entry]:
        """The sound entries; a damaged one is deleted and counts as lost. Raises OSError."""
        sql = self._sql("SELECT counter, time, body FROM entries WHERE ") + where
        while True:
            entries, damaged = [], []
            for counter, time, body in self._rows(sql, *arguments):
                try:
                    entries.append(Entry(self._number(counter), time, decode(body)))
                except DamagedEntry as error:
                    log.error("an entry is damaged", buffer=self._name, counter=counter, reason=str(error))
                    damaged.append(counter)
            if not damaged or not self._delete(damaged, max(self._lost, *damaged)):
                return entries
