"""Buffered report control blocks: each entry goes into the buffer and is sent from there (7-2, 17.2)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from iec61850_model.blocks import ReportConfig
from iec61850_model.mms.pdu import DataAccessError
from iec61850_model.server.buffer import Entry, EntryBuffer, Member
from iec61850_model.server.control import Client
from iec61850_model.server.effects import Effect
from iec61850_model.server.reports.attributes import NO_ENTRY_ID, NO_ENTRY_TIME, RESERVED_BY_CONFIGURATION
from iec61850_model.server.reports.block import ReportBlock
from iec61850_model.server.reports.collecting import over
from iec61850_model.server.reports.message import entry_time
from iec61850_model.server.reports.observing import MemberSource, Watched
from iec61850_model.tree import Tree
from iec61850_model.types import Value
from iec61850_model.values import Trigger

REPLAY_ENTRIES = 10
"""Entries of a backlog sent at one time, so that live reports of other blocks get in between."""
REPLAY_INTERVAL = 0.1
"""Seconds between two such portions: 100 entries a second are 500 kB of 5-minute averages, and 30 days of
them (8,640) take a minute and a half."""
READ_AGAIN = 5.0
"""Seconds until a buffer that cannot be read is tried again; what is in it is not skipped."""
MAX_FRESH = 64
"""New entries kept in memory until the next ``tick``; more than these are read back from the buffer."""
MAX_INTERROGATIONS = 256
"""General interrogations whose entries are remembered as such; older ones are sent like any other entry."""
MAX_HOLES = 16
"""Places at which entries could not be stored; BufOvfl is shown at the newest ones."""
UNCERTAIN = 300.0
"""Seconds before the end of an association in which a report may have been sent and never arrived: after that
a cut is known, on a mobile link too (DESIGN section 3)."""
GRAIN = 1.0
"""Seconds between two places that are remembered as sent for ``UNCERTAIN``, which bounds their number."""

_PURGING = ("RptID", "BufTm", "TrgOps", "IntgPd")
_NO_CONTENT = ""


class BufferedBlock(ReportBlock):
    """One BRCB over its buffer. It buffers from its construction on, as long as DatSet is set.

    Unless EntryID is written, reports go on after the last one sent; if the association was lost, from
    ``UNCERTAIN`` before its end.
    """

    max_sq_num = (1 << 16) - 1

    def __init__(
        self,
        tree: Tree,
        data_sets: MemberSource,
        config: ReportConfig,
        sizes: Callable[[Client], int],
        buffer: EntryBuffer,
    ) -> None:
        super().__init__(tree, data_sets, config, sizes)
        self._buffer = buffer
        self._cursor = 0
        """Number of the last entry sent, or of the one EntryID said to go on after."""
        self._behind = False
        """There may be entries to send that are in the buffer only; the next ones at ``_portion_at``."""
        self._portion_at = 0.0
        self._pause = REPLAY_INTERVAL
        """Seconds between the portion before and the one at ``_portion_at``."""
        self._fresh: list[Entry] = []
        self._interrogations: deque[int] = deque(maxlen=MAX_INTERROGATIONS)
        self._holes: deque[int] = deque(maxlen=MAX_HOLES)
        """Numbers after which an entry is missing that could not be stored."""
        self._sent: deque[tuple[float, int]] = deque()
        """What was sent lately: from when on, and after which number."""
        self._begin_content()
        self._is_newest_shown = False
        """Not yet: the buffer may be empty until it is opened."""

    @property
    def listening(self) -> Watched | None:
        """The data set, enabled or not."""
        return self._watched

    def tick(self, now: float) -> list[Effect]:
        """Do what is due, and say what is to be sent."""
        if not self._is_newest_shown:
            self._show_newest()
        return super().tick(now)

    # --- settings ----------------------------------------------------------------------------------

    def _apply(self, attribute: str, value: Value, client: Client, now: float) -> DataAccessError | None:
        match attribute, value:
            case "DatSet", str() if value.startswith("@"):
                # It would be gone with the association, and buffering goes on without one.
                return DataAccessError.OBJECT_ACCESS_DENIED
            case "PurgeBuf", bool():
                if value:
                    self._purge()
                return None
            case "EntryID", bytes():
                self._resume_after(value)
                return None
            case "ResvTms", int():
                return self._reserve(value, client)
        return super()._apply(attribute, value, client, now)

    def _changed(self, attribute: str) -> None:
        if attribute == "DatSet":
            self._begin_content()
        elif attribute in _PURGING:
            self._purge()

    def _begin_content(self) -> None:
        """What is in the buffer stays only if it is of this very data set."""
        watched = self._watched
        dat_set, revision = str(self._value("DatSet")), self._whole("ConfRev")
        self._buffer.begin(watched.content(dat_set, revision) if watched else _NO_CONTENT)
        self._forget()

    def _purge(self) -> None:
        self._buffer.clear()
        self._forget()

    def _forget(self) -> None:
        """What was remembered of entries that are gone."""
        self._open = None
        self._fresh.clear()
        self._holes.clear()
        self._interrogations.clear()
        self._show_newest()

    def _resume_after(self, entry_id: bytes) -> None:
        """After the entry of this EntryID; after nothing, if it is zero or the buffer does not know it."""
        number = int.from_bytes(entry_id)
        newest = self._buffer.last
        self._cursor = 0
        if newest is not None and 0 < number <= newest.number:
            found: list[Entry] = []
            with suppress(OSError):
                found = self._buffer.after(number - 1, 1)
            if number == self._buffer.lost or (found and found[0].number == number):
                self._cursor = number
        self._show("EntryID", entry_id)
        self._show("TimeofEntry", NO_ENTRY_TIME)

    def _reserve(self, seconds: int, client: Client) -> DataAccessError | None:
        if self._value("ResvTms") == RESERVED_BY_CONFIGURATION:
            return DataAccessError.OBJECT_ACCESS_DENIED
        if seconds < 0:
            return DataAccessError.OBJECT_VALUE_INVALID
        if seconds == 0:
            self._release()
            return None
        if client.association is None:
            return DataAccessError.OBJECT_ACCESS_DENIED
        self.holding.take(client, asked_for=True)
        self._show("ResvTms", seconds)
        return None

    def _kept_seconds(self) -> float:
        leaf = self._branch.leaf("ResvTms")
        return float(leaf.value) if leaf is not None and isinstance(leaf.value, int) else 0.0

    def _release(self) -> None:
        super()._release()
        if self._kept_seconds() > 0:
            self._show("ResvTms", 0)

    # --- enabled or not ----------------------------------------------------------------------------

    def _start(self) -> None:
        self._behind, self._portion_at = True, 0.0
        self._fresh.clear()
        self._sent.clear()
        self._keep_latest_interrogation()

    def _stop(self, now: float, *, lost: bool) -> None:
        super()._stop(now, lost=lost)
        self._behind = False
        self._fresh.clear()
        self._forget_arrived(now)
        if lost and self._sent:
            self._cursor = self._sent[0][1]
        self._sent.clear()
        self._show_newest()

    def _forget_arrived(self, now: float) -> None:
        while self._sent and now - self._sent[0][0] > UNCERTAIN + GRAIN:
            self._sent.popleft()

    # --- what happened -----------------------------------------------------------------------------

    def _begin(self, now: float, members: Sequence[Member]) -> Entry | None:
        try:
            return self._buffer.append(now, members)
        except OSError:
            self._missed()
            return None

    def _join(self, before: Entry, after: Entry) -> Entry:
        try:
            self._buffer.replace(after)
        except OSError:
            self._missed()
            return before
        return after

    def _missed(self) -> None:
        self.unstored += 1
        newest = self._buffer.last
        self._holes.append(max(newest.number if newest else 0, self._cursor))

    def _closed(self, entry: Entry) -> None:
        if any(member.reason & Trigger.GI for member in entry.members):
            self._interrogations.append(entry.number)
        if not self.enabled:
            self._show_entry(entry)
        elif self._behind:
            self._keep_latest_interrogation()
        else:
            self._fresh.append(entry)
            if len(self._fresh) > MAX_FRESH:
                self._fresh.clear()
                self._behind, self._portion_at = True, 0.0

    def _keep_latest_interrogation(self) -> None:
        """Of what is still to be sent: an older state of everything helps nobody."""
        waiting = [number for number in self._interrogations if number > self._cursor]
        if len(waiting) > 1:
            self._buffer.drop(waiting[:-1])
            for number in waiting[:-1]:
                self._interrogations.remove(number)

    # --- what is sent ------------------------------------------------------------------------------

    def _reports(self, now: float) -> list[Effect]:
        if not self.enabled:
            return []
        if self._behind:
            if not over(now, self._portion_at, self._pause):
                return []
            self._pause = REPLAY_INTERVAL
            try:
                kept = self._buffer.after(self._cursor, REPLAY_ENTRIES)
            except OSError:
                self._pause = READ_AGAIN
                self._portion_at = now + self._pause
                return []
            entries = [one for one in kept if not self._is_open(one)]
            self._behind, self._portion_at = bool(entries), now + REPLAY_INTERVAL
        else:
            entries, self._fresh = self._fresh, []
        if entries:
            self._forget_arrived(now)
            if not self._sent or now - self._sent[-1][0] >= GRAIN:
                self._sent.append((now, self._cursor))
        effects: list[Effect] = []
        for entry in entries:
            effects += self._send(entry, entry_id=entry.entry_id, buf_ovfl=self._is_missing_before(entry))
            self._cursor = entry.number
            self._show_entry(entry)
        return effects

    def _is_open(self, entry: Entry) -> bool:
        return self._open is not None and entry.number == self._open.number

    def _is_missing_before(self, entry: Entry) -> bool:
        """BufOvfl: after the entry sent before this one there were others, and they are lost."""
        lost = self._buffer.lost
        if self._cursor < lost < entry.number:
            return True
        return any(self._cursor <= hole < entry.number for hole in self._holes)

    def _due(self) -> Iterable[float | None]:
        yield from super()._due()
        if self._fresh or not self._is_newest_shown:
            yield 0.0
        if self._behind:
            yield self._portion_at

    # --- EntryID and TimeofEntry: the last entry sent; while disabled, the newest one -------------------

    def _show_newest(self) -> None:
        self._is_newest_shown = True
        newest = self._buffer.last
        if newest is not None:
            self._show_entry(newest)
        else:
            self._show("EntryID", NO_ENTRY_ID)
            self._show("TimeofEntry", NO_ENTRY_TIME)

    def _show_entry(self, entry: Entry) -> None:
        self._show("EntryID", entry.entry_id)
        self._show("TimeofEntry", entry_time(entry.time))
