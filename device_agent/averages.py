"""The averages over 5 minutes of UTC that the model has in LD AVG, and its counters taken with them.

What is averaged over which interval says the model alone: a node whose ClcMth is AVG follows the node that
its ClcSrc names (7-4, derived statistics); a counter of a node with InRef1 is taken from the node that this
names. The quality of an average follows the rule of ``device_agent.mean``; its time is the interval's end.

Samples are summed up in slices of some seconds of a clock that never jumps, and a slice gets its place in
UTC only when it is used. So a clock that is set moves what is not reported yet along with it, and what is
measured before the clock is synchronized for the first time is reported then, under its right time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from device_agent.config import ConfigError
from device_agent.mean import Mean, Sum
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.server import Moment
from iec61850_model.tree import VALUE_PATHS, Change, NoSuchNode, Tree, Update
from iec61850_model.types import Value
from iec61850_model.values import NOT_CONNECTED, Quality, Timestamp, Trigger

STANDS_SAMPLES = 3
"""Samples in a row that may be missing: so many times the rhythm of measuring a sample stands at most.."""
STANDS_AT_LEAST = 60.0
"""..but at least so many seconds, for a slow bus; a sensor that fails says so, and stands no longer."""
SLICE = 20.0
"""Seconds of a slice. Before the first synchronization this is how exactly the ends of intervals are kept."""
HELD = 4 * 3600.0
"""Seconds of slices kept at most (some MB): how long a box may wait for its clock after it has started."""
FIVE_MINUTES = 300.0
"""Seconds of the interval of a model that has counters to take, but no averages."""
MIN_INTERVAL_MS = 1000
"""Shortest ClcIntvPer: ``refresh`` comes about once a second. The history has 300,000; tests take less."""
MOST_UNTOLD = 12
"""Intervals told as missing after a restart: an hour of those of the history. A box that dies owes one, one
that hung before it died some more; what it was off for is a gap and stays one."""
SAME_INSTANT = 0.05
"""Seconds below which two times are the same, for the two clocks are read one after the other."""

_VALUE_CDCS = ("MV", "CMV")


@dataclass(frozen=True, slots=True)
class _Pair:
    """A data object and the one it follows."""

    target: Reference
    source: Reference


@dataclass(frozen=True, slots=True)
class _Slice:
    """``counters``: value and quality of each at the end of the slice."""

    start: float
    end: float
    sums: list[Sum]
    counters: list[tuple[Value, Quality]]


class Averages:
    """The averages of one box. ``at`` is always the time of a clock that never jumps, seconds.

    Make it when the model is there; ``start`` it, ``follow`` the model or ``take`` samples, and ``refresh``
    it about once a second. Raises ConfigError if the model asks for what cannot be done.
    """

    def __init__(self, tree: Tree, sample_every: float) -> None:
        self._tree = tree
        self._stands = max(STANDS_AT_LEAST, STANDS_SAMPLES * sample_every)
        found = list(_statistics(tree))
        self._pairs = [pair for pair, _ in found]
        self._counters = list(_counters(tree))
        intervals = {interval for _, interval in found}
        if len(intervals) > 1:
            raise ConfigError("the model has averages over several intervals (ClcIntvPer): give all the same")
        self.interval = intervals.pop() if intervals else FIVE_MINUTES
        self._places = {pair.source: place for place, pair in enumerate(self._pairs)}
        self._attributes = {_value_attribute(tree, source): source for source in self._places}
        self._means: list[Mean] = []
        self._slices: deque[_Slice] = deque()
        self._cut_at = 0.0
        self._synchronized = False
        self._reported: float | None = None
        self._owes = False
        """Whether what ended since the restart before is still to be told."""

    def start(self, at: float, told_until: float | None = None) -> None:
        """Begin to sum up. What was before a restart is missing, and the first average says so.

        ``told_until`` is the end of the last interval told before the restart, UTC seconds. Those that ended
        since then are told as missing: their samples are gone with the process.
        """
        self._means = [Mean(self._stands, at) for _ in self._pairs]
        self._slices.clear()
        self._cut_at = at
        self._reported, self._owes = told_until, told_until is not None

    def follow(self, monotonic: Callable[[], float]) -> None:
        """Take every sample that comes into the model from now on, at the time ``monotonic`` says then."""

        def seen(changes: Sequence[Change]) -> None:
            for change in changes:
                source = self._attributes.get(change.attribute)
                if source is not None:
                    value, quality, _ = self._tree.read(source)
                    assert isinstance(value, float)
                    self.take(source, value, quality, monotonic())

        self._tree.watchers.append(seen)

    def take(self, source: Reference, value: float, quality: Quality, at: float) -> None:
        """A sample of the measurand ``source``; one that is not averaged is left alone."""
        if source in self._places:
            self._means[self._places[source]].sample(value, quality, at)

    def refresh(self, moment: Moment, at: float) -> None:
        """Put the averages of every interval that has ended into the model, each as one update.

        Nothing is reported before the clock has been synchronized once. If it no longer is, the time of the
        averages says so (TimeQuality).
        """
        offset = moment.now - at
        self._cut(at, offset)
        self._synchronized = self._synchronized or moment.synchronized
        if self._synchronized:
            self._tell_owed(offset, moment)
            while (ended := self._next_ended(moment.now, offset)) is not None:
                self._report(*ended, moment)

    def until_end(self, now: float) -> float:
        """Seconds from ``now`` (UTC) to the end of the interval: who looks then, tells it at once."""
        return self._interval_end(now) - now

    # --- slices -----------------------------------------------------------------------------------

    def _cut(self, at: float, offset: float) -> None:
        """Close the slices that have ended: they end after SLICE seconds, and where intervals do."""
        while True:
            boundary = self._interval_end(self._cut_at + offset + SAME_INSTANT) - offset
            end = min(self._cut_at + SLICE, boundary)
            if end > at:
                break
            counters = [self._tree.read(pair.source)[:2] for pair in self._counters]
            sums = [mean.cut(end) for mean in self._means]
            self._slices.append(_Slice(self._cut_at, end, sums, counters))
            self._cut_at = end
            if self._slices[0].end <= end - HELD:
                self._slices.popleft()

    def _interval_end(self, time: float) -> float:
        return (time // self.interval + 1) * self.interval

    def _next_ended(self, now: float, offset: float) -> tuple[float, list[_Slice]] | None:
        """The end of the oldest interval that is over, and its slices: those with their middle in it."""
        end: float | None = None
        slices: list[_Slice] = []
        while self._slices:
            first = self._slices[0]
            its_end = self._interval_end((first.start + first.end) / 2 + offset)
            if its_end > now or end not in (None, its_end):
                break
            end = its_end
            slices.append(self._slices.popleft())
        return None if end is None else (end, slices)

    # --- reporting --------------------------------------------------------------------------------

    def _tell_owed(self, offset: float, moment: Moment) -> None:
        """Tell what ended between the last interval told before a restart and the first one after it."""
        if not self._owes or self._reported is None:
            return
        self._owes = False
        if self._slices:
            first = (self._slices[0].start + self._slices[0].end) / 2 + offset
        else:
            first = self._cut_at + offset + SAME_INSTANT
        for _ in range(MOST_UNTOLD):
            end = self._interval_end(self._reported + SAME_INSTANT)
            if end >= self._interval_end(first):
                break
            self._report(end, [], moment)

    def _report(self, end: float, slices: list[_Slice], moment: Moment) -> None:
        """Without slices nothing is known of the interval."""
        if end == self._reported:  # the clock was set back by a little: that interval has been told
            return
        self._reported = end
        time = Timestamp.from_unix(end, moment.timestamp.quality)
        updates: list[Update] = []
        for place, pair in enumerate(self._pairs):
            total = Sum()
            for one in slices:
                total.add(one.sums[place])
            value, quality = total.mean(self.interval)
            updates.append(Update(pair.target, value, quality, time))
        unknown = [(None, NOT_CONNECTED)] * len(self._counters)
        counters = slices[-1].counters if slices else unknown
        for pair, (count, quality) in zip(self._counters, counters, strict=True):
            updates.append(Update(pair.target, count, quality, time))
        self._tree.update_all(updates)


# --- what the model asks for ----------------------------------------------------------------------


def _statistics(tree: Tree) -> Iterator[tuple[_Pair, float]]:
    """Every average with the measurand it is of, and its interval in seconds."""
    for node in _nodes_with(tree, "ClcMth"):
        if _literal(tree, node.child("ClcMth")) != "AVG":
            continue
        if _literal(tree, node.child("ClcIntvTyp")) != "MS":
            raise ConfigError(f"model: {node}: averages are over milliseconds (ClcIntvTyp MS) only")
        interval = tree.value_leaf(node.child("ClcIntvPer")).value
        if not isinstance(interval, int) or interval < MIN_INTERVAL_MS:
            raise ConfigError(f"model: {node}: ClcIntvPer is {interval!r}, not {MIN_INTERVAL_MS} or more")
        for pair in _pairs(tree, node, "ClcSrc", _VALUE_CDCS):
            yield pair, interval / 1000


def _counters(tree: Tree) -> Iterator[_Pair]:
    for node in _nodes_with(tree, "InRef1"):
        yield from _pairs(tree, node, "InRef1", ("BCR",))


def _nodes_with(tree: Tree, name: str) -> Iterator[Reference]:
    for reference, _ in tree.data_objects():
        if reference.path == (name,):
            yield Reference(reference.ld, reference.ln)


def _pairs(tree: Tree, node: Reference, named_by: str, cdcs: Sequence[str]) -> Iterator[_Pair]:
    text = str(tree.value_leaf(node.child(named_by)).value)
    try:
        origin = Reference.parse(text)
    except InvalidReference as error:
        raise ConfigError(f"model: {node.child(named_by)}: {error}") from None
    for reference, cdc in tree.data_objects():
        if (reference.ld, reference.ln) == (node.ld, node.ln) and cdc in cdcs:
            source = origin.child(*reference.path)
            try:
                tree.read(source)
            except NoSuchNode as error:
                raise ConfigError(f"model: {reference}: {error}; see {named_by}") from None
            yield _Pair(reference, source)


def _literal(tree: Tree, reference: Reference) -> str:
    try:
        leaf = tree.value_leaf(reference)
    except NoSuchNode as error:
        raise ConfigError(f"model: {error}") from None
    return (leaf.type.literals or {}).get(leaf.value, "") if isinstance(leaf.value, int) else ""


def _value_attribute(tree: Tree, source: Reference) -> Reference:
    """The attribute of a measurand that tells of every sample."""
    place, _ = tree.value_branch(source)
    if not tree.value_leaf(source).triggers & Trigger.DUPD:
        raise ConfigError(f"model: {source}: its value needs dupd, or samples as before go unseen")
    return place.child(*VALUE_PATHS[tree.cdc(source) or ""])
