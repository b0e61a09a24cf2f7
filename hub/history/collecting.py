"""How the collector follows one box: from its presence to samples. I/O-free, time is passed in.

Presence and consent -> association -> the block is read -> EntryID of the last report taken is written ->
RptEna -> reports. Of the block nothing else is ever written: BufTm, TrgOps, IntgPd, DatSet and PurgeBuf would
empty the box's buffer (7-2, 17.2). Whatever goes wrong, the way back is the same: from the last report taken.
The first report after RptEna says what follows it in the box's buffer; from then on SqNum counts without a
gap, or something was lost on the way and the box is asked again.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from hub.history.events import (
    Abort,
    Ask,
    Associated,
    Block,
    Done,
    Effect,
    Failed,
    Members,
    Note,
    Outcome,
    Probe,
    Queue,
    Request,
    Take,
)
from hub.history.reading import MAX_AHEAD, Layout, interval_of, layout_of, sample_of, time_of
from hub.registry.consents import Consent, in_force_throughout
from iec61850_model.client.reports import Report
from iec61850_model.values import OptFlds

EVERYTHING = bytes(8)
"""EntryID of zeros: send all that is buffered (7-2, 17.2)."""
EPOCH_OCTETS = 4
"""An EntryID is the buffer's epoch (4 octets) and a counter (4 octets)."""
FIRST_REST = 5.0
"""Seconds until a box that did not do as asked is asked again; doubled each time."""
LAST_REST = 600.0
"""Longest such time."""
ASK_AGAIN = 600.0
"""Seconds between two questions to a box that is not there: its own word may have been lost."""
KEEP_AFTER = 480.0
"""Seconds without a report or an answer until a box is asked whether its reports are enabled. Reports of
every 5 minutes keep the association by themselves, so it is asked only when one fails to come; 3 minutes are
left of the lease then (``LEASE_SECONDS`` of the server's associations)."""
MAX_RESYNCS = 3
"""Times in a row that a box is asked again without one report that fits; then it rests."""
SQ_NUMS = 1 << 16
"""SqNum of a buffered block is an INT16U."""


class Stage(enum.StrEnum):
    """Where the collector is with a box."""

    AWAY = "away"
    IDLE = "no consent"
    WAITING = "waiting for its turn"
    BUSY = "being set up"
    LIVE = "reporting"
    CLOSING = "being ended"
    RESTING = "resting after a fault"


@dataclass(slots=True)
class Collecting:
    """One box. ``period``: seconds of one sample. ``position``: EntryID of the last report taken. ``since``:
    what it measured before was elsewhere, for the box came in place of another (seconds since 1970 UTC).
    """

    period: int
    consents: tuple[Consent, ...] = ()
    position: bytes | None = None
    since: float = 0.0
    stage: Stage = Stage.AWAY
    due: float | None = None
    _attempt: int = 0
    _request: Request = Request.ASSOCIATE
    _association: str = ""
    _layout: Layout | None = None
    _layout_of: tuple[str, int] = ("", 0)
    _expected: int | None = None
    _first: bool = True
    _checking: bool = False
    _resyncs: int = 0
    _rest: float = FIRST_REST
    _stored: bytes | None = None
    _before: bytes | None = None
    _run: int = 0

    def __post_init__(self) -> None:
        self._stored = self.position

    # --- consent and presence -----------------------------------------------------------------------

    def allowed(self, now: float) -> bool:
        """Somebody's consent is in force."""
        return any(one.covers(now) for one in self.consents)

    def agree(self, consents: Iterable[Consent], now: float) -> list[Effect]:
        """The consents are these from now on."""
        self.consents = tuple(consents)
        return self._by_consent(now)

    def _by_consent(self, now: float) -> list[Effect]:
        allowed = self.allowed(now)
        if not allowed and self.stage in (Stage.LIVE, Stage.BUSY):
            return self._close()
        if not allowed and self.stage in (Stage.WAITING, Stage.RESTING):
            self._to(Stage.IDLE, self._next_bound(now))
        elif allowed and self.stage is Stage.IDLE:
            return self._wait()
        elif self.stage is Stage.IDLE:
            self.due = self._next_bound(now)
        elif self.stage is Stage.LIVE:
            self.due = self._earlier(self.due, now)
        elif allowed and self.stage is Stage.AWAY and self.due is None:
            return self._probe(now)
        return []

    def _next_bound(self, now: float) -> float | None:
        bounds = (bound for one in self.consents for bound in (one.begins, one.ends))
        return min((bound for bound in bounds if bound is not None and bound > now), default=None)

    def _earlier(self, due: float | None, now: float) -> float | None:
        bound = self._next_bound(now)
        return min((one for one in (due, bound) if one is not None), default=None)

    def here(self, now: float) -> list[Effect]:
        """The box is there: it says so when it logs in and when it is asked."""
        if self.stage is Stage.AWAY:
            self._rest = FIRST_REST
            if self.allowed(now):
                return self._wait()
            self._to(Stage.IDLE, self._next_bound(now))
        elif self.stage is Stage.LIVE:
            return self._check()  # it may have logged in anew without having been seen to go
        return []

    def away(self, now: float) -> list[Effect]:
        """The box is gone, or the collector's own link is."""
        self._attempt += 1
        self._to(Stage.AWAY, now + ASK_AGAIN if self.consents else None)
        return []

    def _probe(self, now: float) -> list[Effect]:
        self.due = now + ASK_AGAIN
        return [Probe()]

    # --- setting up ---------------------------------------------------------------------------------

    def _wait(self) -> list[Effect]:
        self._to(Stage.WAITING, None)
        return [Queue()]

    def turn(self, now: float) -> list[Effect]:
        """It is this box's turn; nothing if it no longer waits."""
        if self.stage is not Stage.WAITING:
            return []
        if not self.allowed(now):
            self._to(Stage.IDLE, self._next_bound(now))
            return []
        self._attempt += 1
        self._to(Stage.BUSY, None)
        self._resyncs = 0
        return self._ask(Request.ASSOCIATE)

    def _ask(self, request: Request, argument: bytes | str = b"") -> list[Effect]:
        self._request = request
        return [Ask(request, self._attempt, argument)]

    def answered(self, attempt: int, outcome: Outcome, now: float) -> list[Effect]:
        """What came of an Ask; of an earlier attempt it is nothing."""
        if attempt != self._attempt:
            return []
        if self.stage is Stage.LIVE:
            return self._checked(outcome, now)
        if self.stage is Stage.CLOSING:
            return self._closed(outcome, now)
        if self.stage is not Stage.BUSY:
            return []
        match self._request, outcome:
            case _, Failed(reason):
                return self._fail(f"{self._request}: {reason}", now)
            case Request.ASSOCIATE, Associated(id_):
                self._association = id_
                return self._ask(Request.BLOCK)
            case Request.BLOCK, Block() as block:
                return self._judge(block, now)
            case Request.MEMBERS, Members(references):
                self._layout = layout_of(references)
                if not self._layout.values:
                    return self._fail("the data set has none of the history's quantities", now)
                return self._ask_entry()
            case Request.DISABLE, Done():
                return self._ask_entry()
            case Request.ENTRY, Done():
                self._expected, self._first = 0, True
                return self._ask(Request.ENABLE)
            case Request.ENABLE, Done():
                self._to(Stage.LIVE, self._earlier(now + KEEP_AFTER, now))
                return [Note("enabled")]
        return self._fail(f"{self._request}: not an answer to it", now)

    def _judge(self, block: Block, now: float) -> list[Effect]:
        if block.enabled:
            return self._fail("the block is enabled for somebody else", now)
        if OptFlds.ENTRY_ID not in block.opt_flds:
            return self._fail("the block's OptFlds leave out entryID: correct the box's model", now)
        if not block.data_set:
            return self._fail("the block has no data set", now)
        layout_of_ = (block.data_set, block.conf_rev)
        if self._layout is not None and self._layout_of == layout_of_:
            return self._ask_entry()
        self._layout_of = layout_of_
        return self._ask(Request.MEMBERS, block.data_set)

    def _ask_entry(self) -> list[Effect]:
        return self._ask(Request.ENTRY, self.position or EVERYTHING)

    def _fail(self, reason: str, now: float, what: str = "fault") -> list[Effect]:
        self._attempt += 1
        self._layout = None
        self._to(Stage.RESTING, now + self._rest)
        self._rest = min(2 * self._rest, LAST_REST)
        return [Abort(), Note(what, reason)]

    # --- reports ------------------------------------------------------------------------------------

    def report(self, association: str, report: Report, now: float) -> list[Effect]:
        """A report came by this association."""
        enabling = self.stage is Stage.BUSY and self._request is Request.ENABLE
        if self.stage in (Stage.BUSY, Stage.CLOSING) and not enabling:
            return []  # on its way before it was disabled: it comes again
        if not enabling and self.stage is not Stage.LIVE:
            return [Abort(), Note("stray", f"a report from a box that is {self.stage.value}"), Probe()]
        if association != self._association:
            return [Note("stray", "a report of another association")]
        if not self.allowed(now):
            return self._by_consent(now)
        if report.entry_id is None or self._layout is None:
            return self._fail("a report without EntryID", now)
        if report.data_set_size != self._layout.size or report.conf_rev not in (None, self._layout_of[1]):
            return self._fail("a report of another data set than the block's", now)
        if not self._continues(report):
            return self._resync(report, now)
        self._resyncs = 0
        self._rest = FIRST_REST
        self._before, self.position = self.position, report.entry_id
        if not enabling and not self._checking:
            self.due = self._earlier(now + KEEP_AFTER, now)
        return [self._take(report, self._layout, report.entry_id, now)]

    def _continues(self, report: Report) -> bool:
        """Nothing is missing between the last report and this one; notes what must follow."""
        first, self._first = self._first, False
        number = report.seq_num
        if number is None:  # OptFlds without it: the EntryIDs must do
            return first or _follows(self.position, report.entry_id)
        # After 65,535 some go on with 0 and some with 1: only the first has 0.
        fits = number == self._expected or (number == 1 and self._expected == 0 and not first)
        self._expected = (number + 1) % SQ_NUMS
        return fits

    def _resync(self, report: Report, now: float) -> list[Effect]:
        self._resyncs += 1
        if self._resyncs > MAX_RESYNCS:
            return self._fail("reports are missing again and again", now)
        self._attempt += 1
        self._to(Stage.BUSY, None)
        reason = f"SqNum {report.seq_num} does not follow the report before"
        return [Note("resync", reason), *self._ask(Request.DISABLE)]

    def _take(self, report: Report, layout: Layout, entry: bytes, now: float) -> Take:
        time = time_of(report, layout)
        overflow = report.buf_ovfl is True
        if time is None or not 0 < time <= now + MAX_AHEAD:
            return Take(entry, None, overflow, misdated=True, run=self._run)
        end = interval_of(time, self.period)
        measured = min(time, end) - self.period, max(time, end)
        if measured[0] < self.since or not in_force_throughout(self.consents, *measured):
            return Take(entry, None, overflow, run=self._run)
        return Take(entry, sample_of(report, layout, end), overflow, measured=measured, run=self._run)

    def may_store(self, taken: Take, now: float) -> bool:
        """Asked right before it is stored, for consents change meanwhile: somebody's is in force now, and one
        was in force all the while that was measured. Nor may it follow what was not stored and comes again.
        """
        if taken.run != self._run or not self.allowed(now):
            return False
        return taken.sample is None or in_force_throughout(self.consents, *taken.measured)

    def settled(self, taken: Take, stored: bool, now: float) -> list[Effect]:
        """It was stored, or will never be: then it is begun anew after the last one that was."""
        if stored:
            self._stored = taken.entry
            return []
        if taken.run != self._run:
            return []
        self.position = self._stored
        self._run += 1
        if self.stage not in (Stage.LIVE, Stage.BUSY):
            return []
        return self._fail("a report could not be stored", now, "put off")

    def refused(self, reason: str, now: float) -> list[Effect]:
        """The last Take was not taken, its report is given back: it is asked for again later."""
        self.position = self._before
        return self._fail(reason, now, "put off")

    def broken(self, reason: str, now: float) -> list[Effect]:
        """A report came that cannot be read: it is asked for again, in case it was damaged on its way."""
        return self._fail(reason, now) if self.stage in (Stage.LIVE, Stage.BUSY) else []

    # --- time, and the end --------------------------------------------------------------------------

    def tick(self, now: float) -> list[Effect]:
        """``due`` has come, or not yet."""
        if self.due is None or self.due > now:
            return []
        match self.stage:
            case Stage.AWAY:
                if self.allowed(now):
                    return self._probe(now)
                self.due = self._next_bound(now)
            case Stage.IDLE:
                return self._by_consent(now)
            case Stage.RESTING:
                return self._wait()
            case Stage.LIVE:
                return self._check() if self.allowed(now) else self._close()
        return []

    def _check(self) -> list[Effect]:
        """Read RptEna, which keeps the association too."""
        if self._checking:
            return []
        self._checking, self.due = True, None
        return [Ask(Request.CHECK, self._attempt)]

    def _checked(self, outcome: Outcome, now: float) -> list[Effect]:
        self._checking = False
        if isinstance(outcome, Block) and outcome.enabled:
            self.due = self._earlier(now + KEEP_AFTER, now)
            return []
        reason = outcome.reason if isinstance(outcome, Failed) else "its reports are not enabled any more"
        self._attempt += 1
        return [Abort(), Note("restart", reason), *self._wait()]

    def _close(self) -> list[Effect]:
        """Consent is withdrawn: nothing is taken from now on."""
        busy = self.stage is Stage.BUSY
        self._attempt += 1
        if busy:
            self._to(Stage.IDLE, None)
            return [Abort(), Note("closed")]
        self._to(Stage.CLOSING, None)
        return [Note("closed"), *self._ask(Request.DISABLE)]

    def _closed(self, outcome: Outcome, now: float) -> list[Effect]:
        if self._request is Request.DISABLE and isinstance(outcome, Done):
            return self._ask(Request.RELEASE)
        self._to(Stage.IDLE, None)
        ended: list[Effect] = [] if isinstance(outcome, Done) else [Abort()]
        return ended + self._by_consent(now)

    def _to(self, stage: Stage, due: float | None) -> None:
        self.stage, self.due = stage, due
        self._checking = False


def _follows(before: bytes | None, entry: bytes | None) -> bool:
    """``entry`` comes right after ``before``, or in another epoch of the buffer."""
    if before is None or entry is None or before[:EPOCH_OCTETS] != entry[:EPOCH_OCTETS]:
        return True
    return int.from_bytes(entry) == int.from_bytes(before) + 1
