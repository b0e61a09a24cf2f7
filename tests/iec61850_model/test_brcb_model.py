"""A buffered report control block against a model of what it promises, in any sequence of events.

Changes, interrogations, cuts with reports lost on the way, resumptions by EntryID, writes that purge, a disk
that fails, restarts over the same buffer: no entry that fits is lost, doubled or reordered, and BufOvfl is
told when one is missing, and only then.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from report_scene import BUFFER, DCHG, DESK, GI, MEASURANDS, Scene, block, told

from iec61850_model.client.reports import Report
from iec61850_model.server.buffer import Entry, Member
from iec61850_model.server.control import Client
from iec61850_model.server.memory_buffer import MemoryBuffer
from iec61850_model.server.reports import buffered

NAME = "brcb01"
BUF_TM = 2.0


class Fate(enum.Enum):
    """What became of an entry."""

    KEPT = enum.auto()
    PUSHED_OUT = enum.auto()
    NEVER_STORED = enum.auto()
    PURGED = enum.auto()
    """By a client's write; or its loss was forgotten in a restart. Nobody need be told."""
    REPLACED = enum.auto()
    """An interrogation, by a later one."""


MISSING = (Fate.PUSHED_OUT, Fate.NEVER_STORED)


@dataclass(eq=False)
class Made:
    """An entry that is to be in the buffer, with the values of its members by name."""

    values: dict[str, float]
    interrogation: bool = False
    fate: Fate = Fate.KEPT
    number: int = 0
    of_this_process: bool = True


class Disk(MemoryBuffer):
    """Fails while ``full``."""

    full = False

    def append(self, time: float, members: Sequence[Member]) -> Entry:
        if self.full:
            raise OSError("no space left on device")
        return super().append(time, members)


@dataclass
class Listening:
    """What the client knows: how far it is, and what is still on its way to it."""

    last: int = -1
    """Index in the history of the last entry that arrived."""
    on_its_way: list[Report] = field(default_factory=list)
    resumed_at: int | None = None
    """Index after which this enabling began; None: somewhere up to ``last``."""
    is_first: bool = True
    position: int = -1
    """Index of the report before, of this enabling."""


class BufferedReporting(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        # So that a few entries are a backlog, and a burst more than memory holds.
        self.small = [patch.object(buffered, "REPLAY_ENTRIES", 2), patch.object(buffered, "MAX_FRESH", 2)]
        for one in self.small:
            one.start()

    @initialize(capacity=st.integers(2, 6), buf_tm=st.sampled_from([0.0, BUF_TM]))
    def begin(self, capacity: int, buf_tm: float) -> None:
        self.capacity, self.buf_tm = capacity, buf_tm
        self.config = block(NAME, buffered=True, buf_tm=int(buf_tm * 1000), trg_ops=DCHG | GI)
        self.disk = Disk(capacity)
        self.scene = Scene(self.config, buffers={BUFFER: self.disk})
        self.history: list[Made] = []
        self.open: Made | None = None
        self.open_until = 0.0
        self.unticked: list[dict[str, float]] = []
        self.now_values = dict.fromkeys(MEASURANDS, 0.0)
        self.next_value = itertools.count(1)
        self.associations = itertools.count(1)
        self.client = Listening()
        self.user = DESK
        self.enabled = False
        self.left = "restart"
        self.is_revised = False

    # --- the model ----------------------------------------------------------------------------------

    def make(self, entry: Made) -> None:
        if self.disk.full:
            entry.fate = Fate.NEVER_STORED
        self.history.append(entry)
        kept = [one for one in self.history if one.fate is Fate.KEPT]
        for one in kept[: max(len(kept) - self.capacity, 0)]:
            one.fate = Fate.PUSHED_OUT

    def settle(self) -> None:
        """The model's view of one tick at this moment."""
        if self.open and self.scene.now >= self.open_until:
            self.open = None
        for values in self.unticked:
            if self.open and self.open.values.keys() & values.keys():
                self.open = None
            if self.open:
                self.open.values.update(values)
                continue
            entry = Made(dict(values))
            self.make(entry)
            if self.buf_tm and entry.fate is Fate.KEPT:
                self.open, self.open_until = entry, self.scene.now + self.buf_tm
        self.unticked.clear()

    def purged(self) -> None:
        self.open = None
        for one in self.history:
            if one.fate in (Fate.KEPT, *MISSING):
                one.fate = Fate.PURGED

    def compare(self) -> None:
        """The buffer holds what the model says, in its order, except interrogations that were replaced."""
        stored = self.disk.after(0, 100)
        kept = [one for one in self.history if one.fate is Fate.KEPT]
        numbers = {entry.number for entry in stored}
        interrogations = [one for one in kept if one.interrogation]
        for one in interrogations[:-1]:
            if one.number and one.number not in numbers:
                one.fate = Fate.REPLACED
                kept.remove(one)
        assert len(stored) == len(kept)
        for entry, one in zip(stored, kept, strict=True):
            assert one.number in (0, entry.number)
            one.number = entry.number

    # --- events -------------------------------------------------------------------------------------

    @rule(names=st.sets(st.sampled_from(MEASURANDS), min_size=1), ticked=st.booleans())
    def change(self, names: set[str], ticked: bool) -> None:
        values = {name: float(next(self.next_value)) for name in sorted(names)}
        self.scene.change(values)
        self.now_values |= values
        self.unticked.append(values)
        if ticked or self.buf_tm:
            self.tick()

    @rule()
    def tick(self) -> None:
        self.settle()
        self.client.on_its_way += self.scene.heard()
        self.compare()

    @rule(seconds=st.sampled_from([0.1, 1.0, 2.5]))
    def wait(self, seconds: float) -> None:
        self.tick()
        self.client.on_its_way += self.scene.wait(seconds)
        self.tick()

    @precondition(lambda self: self.enabled)
    @rule()
    def interrogate(self) -> None:
        self.settle()
        assert self.scene.write(NAME, self.user, GI=True) == []
        self.open = None
        self.make(Made(dict(self.now_values), interrogation=True))
        self.compare()
        self.tick()

    @precondition(lambda self: not self.enabled)
    @rule(by=st.sampled_from(["EntryID", "zero", "nothing"]))
    def enable(self, by: str) -> None:
        self.settle()
        client = self.client
        self.user = Client(DESK.peer, f"1:{next(self.associations)}")
        client.on_its_way.clear()
        # Not the last that ever arrived: it may have begun anew, and been disabled on its way.
        left_at = client.resumed_at if client.is_first else client.position
        client.is_first = True
        last = self.history[client.last] if client.last >= 0 else None
        known = by == "EntryID" and last is not None and self.is_known(last)
        if by == "EntryID" and last is not None:
            assert self.scene.write(NAME, self.user, EntryID=last.number.to_bytes(8)) == []
        elif by == "zero":
            assert self.scene.write(NAME, self.user, EntryID=bytes(8)) == []
        if by == "nothing" or (last is None and by == "EntryID"):
            client.resumed_at = {"restart": -1, "disabled": left_at, "cut": None}[self.left]
        else:
            client.resumed_at = client.last if known else -1
        assert self.scene.write(NAME, self.user, RptEna=True) == []
        self.enabled = True
        self.compare()
        if client.resumed_at is not None:
            ahead = [one for one in self.history[client.resumed_at + 1 :] if one.fate is Fate.KEPT]
            assert sum(one.interrogation and one.of_this_process for one in ahead) <= 1
        self.tick()

    def is_known(self, entry: Made) -> bool:
        lost = [one for one in self.history if one.fate is Fate.PUSHED_OUT]
        return entry.fate is Fate.KEPT or (bool(lost) and entry is lost[-1])

    @precondition(lambda self: self.enabled)
    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        on_its_way = self.client.on_its_way
        count = data.draw(st.integers(0, len(on_its_way)))
        arrived, self.client.on_its_way = on_its_way[:count], on_its_way[count:]
        for report in arrived:
            self.judge(report)

    @precondition(lambda self: self.enabled)
    @rule()
    def disable(self) -> None:
        """What was sent before the answer to the write arrives before it."""
        self.tick()
        self.take_all()
        assert self.scene.write(NAME, self.user, RptEna=False) == []
        self.enabled, self.left = False, "disabled"
        self.compare()

    @precondition(lambda self: self.enabled)
    @rule()
    def cut(self) -> None:
        """What is on its way is lost."""
        self.settle()
        self.scene.end(self.user)
        self.client.on_its_way.clear()
        self.enabled, self.left = False, "cut"
        self.compare()

    @precondition(lambda self: not self.enabled)
    @rule(
        settings=st.sampled_from(
            [{"PurgeBuf": True}, {"RptID": "a"}, {"RptID": "b"}, {"PurgeBuf": False}, {"BufTm": None}]
        )
    )
    def write(self, settings: dict[str, object]) -> None:
        self.settle()
        if settings == {"BufTm": None}:
            settings = {"BufTm": int(self.buf_tm * 1000)}
        purges = settings == {"PurgeBuf": True} or settings.get(
            "RptID", self.scene.value(NAME, "RptID")
        ) != self.scene.value(NAME, "RptID")
        assert self.scene.write(NAME, self.user, **settings) == []
        if purges:
            self.purged()
        self.compare()

    @precondition(lambda self: not self.enabled)
    @rule()
    def revise(self) -> None:
        """Another data set and back: the entries of before are of another ConfRev."""
        self.settle()
        for data_set in ("MET/LLN0$dsValue", "MET/LLN0$dsMeas"):
            assert self.scene.write(NAME, self.user, DatSet=data_set) == []
        self.is_revised = True
        self.purged()
        self.compare()

    @precondition(lambda self: not self.buf_tm)
    @rule()
    def fill_or_free_the_disk(self) -> None:
        self.settle()
        self.client.on_its_way += self.scene.heard()
        self.disk.full = not self.disk.full
        self.compare()

    @rule()
    def restart(self) -> None:
        """What nobody ticked for was never there; the values begin at zero."""
        self.unticked.clear()
        self.now_values = dict.fromkeys(MEASURANDS, 0.0)
        self.scene = self.scene.restarted(self.config)
        self.open, self.enabled, self.left = None, False, "restart"
        self.client.on_its_way.clear()
        for one in self.history:
            one.of_this_process = False
            if one.fate is Fate.NEVER_STORED:
                one.fate = Fate.PURGED
        if self.is_revised:
            self.purged()
            self.is_revised = False
        self.tick()

    @rule()
    def drain(self) -> None:
        """Once all is sent, the client has everything that is kept."""
        if self.disk.full:
            self.fill_or_free_the_disk()
        if not self.enabled:
            self.enable("EntryID")
        self.wait(2.5)
        self.wait(2.5)
        self.take_all()
        kept = [at for at, one in enumerate(self.history) if one.fate is Fate.KEPT]
        assert not kept or self.client.last >= kept[-1]

    def teardown(self) -> None:
        try:
            if hasattr(self, "client"):
                self.drain()
        finally:
            for one in self.small:
                one.stop()

    # --- the client ---------------------------------------------------------------------------------

    def take_all(self) -> None:
        for report in self.client.on_its_way:
            self.judge(report)
        self.client.on_its_way.clear()

    def judge(self, report: Report) -> None:
        """A report that arrived: the right one, with the right BufOvfl."""
        client = self.client
        number = int.from_bytes(report.entry_id or b"")
        (at,) = [at for at, one in enumerate(self.history) if one.number == number]
        entry = self.history[at]
        assert told(report) == entry.values
        before = client.resumed_at if client.is_first else client.position
        if before is not None:
            assert at > before
            between = self.history[before + 1 : at]
            assert not [one for one in between if one.fate is Fate.KEPT], "lost or reordered"
            assert report.buf_ovfl == any(one.fate in MISSING for one in between)
        else:
            between = self.history[client.last + 1 : at]
            assert not [one for one in between if one.fate is Fate.KEPT], "lost"
            assert report.buf_ovfl or not any(one.fate in MISSING for one in between)
        client.is_first, client.position = False, at
        client.last = max(client.last, at)


BufferedReporting.TestCase.settings = settings(max_examples=100, stateful_step_count=40)
test_any_sequence_of_events = BufferedReporting.TestCase
