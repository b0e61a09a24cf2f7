"""The logical device ``HIST``: what the collector has, as a server of the model shows it (DESIGN section 8).

``HIST/MMXU1.TotW`` is what ``AVG/MMXU1.TotW`` was: each quantity has the logical node and data object in HIST
that it has in the box's LD AVG. The log ``HIST/LLN0.AvgLog`` has an entry for each interval that was stored.
One instance serves all heat pumps, one after the other: it is told what to show, and asked in the same turn
of the event loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from hub.history.quantities import QUANTITIES, Quantity
from hub.history.reading import Sample
from hub.needs import HISTORY_DEVICE
from iec61850_model.blocks import Blocks, DataSetConfig, LogConfig
from iec61850_model.mms.pdu import MmsError, ReadJournalRequest, ReadJournalResponse
from iec61850_model.reference import Reference
from iec61850_model.server.buffer import Entry
from iec61850_model.server.dispatch import Server
from iec61850_model.server.logs.journal import Logged, Wanted, entry_of, page_of, wanted_of
from iec61850_model.server.memory_buffer import MemoryBuffer
from iec61850_model.tree import Branch, Leaf, LogicalDevice, LogicalNode, Tree, Update
from iec61850_model.types import BASIC_TYPES
from iec61850_model.values import (
    ACCURACY_1_MS,
    NO_TIME,
    NO_TRIGGER,
    NOT_CONNECTED,
    FunctionalConstraint,
    Quality,
    Timestamp,
    Trigger,
)

FC = FunctionalConstraint
HOME, LOG, BLOCK, DATA_SET = "LLN0", "AvgLog", "lcbAvg", "dsAvg"
LOG_ITEM = f"{HOME}${LOG}"
LOG_REFERENCE = Reference(HISTORY_DEVICE, HOME, (LOG,))
"""What a grant's scope must cover for its time to count."""

_SI_UNITS = {
    "W": (38, 0),
    "var": (63, 0),
    "V": (29, 0),
    "°C": (23, 0),
    "%": (1, -2),
    "l/s": (82, 0),
    "Wh": (72, 0),
}
"""SIUnit and multiplier (7-3) of the quantities' units."""
_LARGEST = 3.4e38
"""What single precision holds, which is what averages are made in: a box that says more says nothing."""
_PHASES = "phsA"
"""A part of a WYE is a CMV, all other averages are MV (7-3)."""


class _StoredLog(MemoryBuffer):
    """The log as its control block sees it: only its ends are asked for, the entries are in the database."""

    oldest: Entry | None = None
    newest: Entry | None = None

    @property
    def first(self) -> Entry | None:
        """The oldest entry that is shown now."""
        return self.oldest

    @property
    def last(self) -> Entry | None:
        """The newest one."""
        return self.newest


class HistoryDevice:
    """``server`` answers everything but queries of the log, of what ``show`` was told last."""

    def __init__(self) -> None:
        node_of: dict[str, LogicalNode] = {HOME: LogicalNode(HOME)}
        self._objects = tuple(_add(node_of, one) for one in QUANTITIES)
        tree = Tree([LogicalDevice(HISTORY_DEVICE, node_of)])
        self._log = _StoredLog()
        blocks = Blocks(
            data_sets=(DataSetConfig(HISTORY_DEVICE, HOME, DATA_SET, self._objects),),
            logs=(
                LogConfig(
                    HISTORY_DEVICE, HOME, BLOCK, LOG, f"{HOME}${DATA_SET}",
                    enabled=True, reason_code=False, trg_ops=Trigger.DUPD,
                ),
            ),
        )  # fmt: skip
        self.server = Server(tree, blocks, lambda _name: self._log)
        self._tree = tree
        self._values = [tree.value_branch(one)[1] for one in self._objects]

    def show(self, first: int | None, newest: Sample | None) -> None:
        """From now on answer of a heat pump whose oldest interval ended at ``first``."""
        self._log.oldest = None if first is None else entry_of(first, first, ())
        self._log.newest = None if newest is None else entry_of(newest.interval, newest.interval, ())
        self._set(newest)

    def wanted(self, request: ReadJournalRequest, newest: int | None) -> Wanted | MmsError:
        """The intervals that a query asks for: EntryID and time of an entry are both the interval's end."""
        return wanted_of(request, None if newest is None else entry_of(newest, newest, ()))

    def page(self, found: Iterable[Sample], size: int) -> ReadJournalResponse | MmsError:
        """As many of these as fit a PDU of ``size`` octets."""
        return page_of(map(self._entry, found), size)

    def _entry(self, sample: Sample) -> Entry:
        self._set(sample)
        return entry_of(sample.interval, sample.interval, list(self._logged(sample)))

    def _logged(self, sample: Sample) -> Iterator[Logged]:
        """Missing is not zero: what was not reported is left out, what was invalid says so."""
        for bit, (place, value) in enumerate(zip(self._objects, self._values, strict=True)):
            if sample.cells[bit] is not None or sample.invalid >> bit & 1:
                yield Logged(f"{place.ld}/{place.item_id}", bit, NO_TRIGGER, value.data())

    def _set(self, sample: Sample | None) -> None:
        self._tree.update_all(self._updates(sample))

    def _updates(self, sample: Sample | None) -> Iterator[Update]:
        time = NO_TIME if sample is None else Timestamp.from_unix(sample.interval, ACCURACY_1_MS)
        for bit, place in enumerate(self._objects):
            cell = None if sample is None else sample.cells[bit]
            if sample is None or cell is None or not -_LARGEST <= cell <= _LARGEST:
                yield Update(place, 0, NOT_CONNECTED if sample is None else Quality.INVALID, time)
            else:
                questionable = sample.questionable >> bit & 1
                yield Update(place, cell, Quality.QUESTIONABLE if questionable else Quality(0), time)


def _add(nodes: dict[str, LogicalNode], quantity: Quantity) -> Reference:
    """Put a quantity's data object into its logical node; its reference, with FC."""
    source = Reference.parse(quantity.reference)
    node = nodes.setdefault(source.ln, LogicalNode(source.ln.strip("0123456789")))
    fc = FC.ST if quantity.whole else FC.MX
    unit, multiplier = _SI_UNITS[quantity.unit]
    int8 = BASIC_TYPES["INT8"]
    configured: dict[str, Branch | Leaf] = {
        "units": Branch({"SIUnit": Leaf(int8, unit), "multiplier": Leaf(int8, multiplier)})
    }
    value: dict[str, Branch | Leaf]
    if quantity.whole:
        value = {"actVal": Leaf(BASIC_TYPES["INT64"], 0)}
        configured["pulsQty"] = Leaf(BASIC_TYPES["FLOAT32"], 1.0)
        cdc = "BCR"
    else:
        mag: dict[str, Branch | Leaf] = {"mag": Branch({"f": Leaf(BASIC_TYPES["FLOAT32"], 0.0)})}
        cdc = "CMV" if source.path[-1] == _PHASES else "MV"
        value = {"cVal": Branch(dict(mag))} if cdc == "CMV" else mag
    value |= {"q": Leaf(BASIC_TYPES["Quality"], NOT_CONNECTED), "t": Leaf(BASIC_TYPES["Timestamp"], NO_TIME)}
    for constraint, children in ((fc, value), (FC.CF, configured)):
        _below(node, constraint, source.path).children.update(children)
    if len(source.path) > 1:
        node.cdcs[source.path[:-1]] = "WYE"
    node.cdcs[source.path] = cdc
    return Reference(HISTORY_DEVICE, source.ln, source.path, fc)


def _below(node: LogicalNode, fc: FunctionalConstraint, path: Sequence[str]) -> Branch:
    """The branch at a path, made where there is none."""
    branch = node.by_fc.setdefault(fc, Branch())
    for name in path:
        below = branch.children.setdefault(name, Branch())
        assert isinstance(below, Branch)
        branch = below
    return branch
