"""A log control block: its attributes in the tree, and which changes make an entry (7-2, 17.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from iec61850_model.blocks import LogConfig
from iec61850_model.mms.pdu import Data, DataAccessError, Primitive
from iec61850_model.reference import Reference
from iec61850_model.server.buffer import Entry
from iec61850_model.server.logs.journal import NEVER, Log, Logged, entry_time
from iec61850_model.tree import Branch, Change, Leaf, Node, Tree
from iec61850_model.types import BASIC_TYPES, BasicType, Value, ValueRefused
from iec61850_model.values import NO_TRIGGER, EntryTime, FunctionalConstraint, Trigger

FC = FunctionalConstraint

MIN_INTG_PD = 1_000
"""Shortest integrity period a client may set, milliseconds: each entry is a write to the box's SD card."""
NO_ENTRY_ID = bytes(8)
"""OldEntr and NewEntr of an empty log: no entry has this EntryID."""

Members = Callable[[str, str], tuple[Reference, ...] | None]
"""The members of the data set ``LN$Name`` in a logical device, None if there is none."""


def _trg_ops(value: object) -> str:
    if not isinstance(value, str):
        raise ValueRefused("TrgOps is a bit string")
    try:
        return Trigger.from_trg_ops(value).trg_ops
    except ValueError as error:
        raise ValueRefused(str(error), DataAccessError.OBJECT_VALUE_INVALID) from None


_TRG_OPS = BasicType("TrgOps", Primitive("bit-string", 6), NO_TRIGGER.trg_ops, _trg_ops)
_TYPES: Mapping[str, BasicType] = {
    "LogEna": BASIC_TYPES["BOOLEAN"],
    "LogRef": BASIC_TYPES["VisString129"],
    "DatSet": BASIC_TYPES["VisString129"],
    "OldEntrTm": BASIC_TYPES["EntryTime"],
    "NewEntrTm": BASIC_TYPES["EntryTime"],
    "OldEntr": BASIC_TYPES["EntryID"],
    "NewEntr": BASIC_TYPES["EntryID"],
    "TrgOps": _TRG_OPS,
    "IntgPd": BASIC_TYPES["INT32U"],
}
"""The attributes in the order they have on the wire."""
_SETTABLE = ("LogEna", "LogRef", "DatSet", "TrgOps", "IntgPd")


@dataclass(slots=True)
class _StatusLeaf(Leaf):
    """OldEntrTm, NewEntrTm, OldEntr or NewEntr: looked up in the log when read, so that it is never stale
    (several blocks write into one log, a buffer drops its oldest entries, or is opened after the start)."""

    look_up: Callable[[], Value] = field(kw_only=True)

    def data(self) -> Data:
        return self.type.to_data(self.look_up())


@dataclass(frozen=True, slots=True)
class _Watched:
    """A member of the data set while the block is enabled."""

    member: Reference
    name: str
    node: Node


class LogControlBlock:
    """One LCB. ``logs`` are the logs of its logical device by LogRef (``LD0/LLN0$GeneralLog``).

    Raises ValueError for a configuration that cannot be.
    """

    def __init__(self, tree: Tree, members: Members, logs: Mapping[str, Log], config: LogConfig) -> None:
        self.name = f"{config.ld}/{config.ln}${FC.LG}${config.name}"
        node = tree.logical_node(config.ld, config.ln)
        if node is None:
            raise ValueError(f"{self.name} stands in no logical node of the model")
        self._tree, self._members_of, self._logs, self._keeps_reason = tree, members, logs, config.reason_code
        self._leaves = {name: self._leaf(name, kind) for name, kind in _TYPES.items()}
        self._set("LogRef", f"{config.ld}/{config.ln}${config.log}")
        self._set("DatSet", f"{config.ld}/{config.data_set}" if config.data_set else "")
        self._set("TrgOps", config.trg_ops.trg_ops)
        self._set("IntgPd", config.intg_pd)
        node.by_fc.setdefault(FC.LG, Branch()).children[config.name] = Branch(dict(self._leaves))
        self._watched: tuple[_Watched, ...] = ()
        self._touched: dict[Reference, tuple[int, ...]] = {}
        self._integrity_at: float | None = None
        if config.enabled and self._enable() is not None:
            raise ValueError(f"{self.name} is enabled and has no data set {config.data_set!r}: give it one")

    @property
    def enabled(self) -> bool:
        """LogEna."""
        return bool(self._leaves["LogEna"].value)

    @property
    def data_set(self) -> str:
        """DatSet: ``LD/LN$Name``, empty for none."""
        return str(self._leaves["DatSet"].value)

    @property
    def log(self) -> Log:
        """The log it writes into."""
        return self._logs[str(self._leaves["LogRef"].value)]

    def write(self, attribute: str, data: Data, now: float) -> DataAccessError | None:
        """SetLCBValues of one attribute; None when written, otherwise what the client is told.

        While LogEna is TRUE all others are locked: temporarily-unavailable.
        """
        leaf = self._leaves.get(attribute)
        if leaf is None:
            return DataAccessError.OBJECT_NON_EXISTENT
        if attribute not in _SETTABLE:
            return DataAccessError.OBJECT_ACCESS_DENIED
        try:
            value = leaf.type.from_data(data)
        except ValueRefused as refused:
            return refused.error
        if attribute == "LogEna":
            return self._switch(value is True, now)
        if self.enabled:
            return DataAccessError.TEMPORARILY_UNAVAILABLE
        error = self._refusal(attribute, value)
        if error is None:
            leaf.value = value
        return error

    def observe(self, changes: Sequence[Change]) -> list[Logged]:
        """The members that what changed in one moment makes an entry of, with their values now."""
        if not self.enabled:
            return []
        wanted = self._trg_ops()
        reasons: dict[int, Trigger] = {}
        for change in changes:
            reason = change.triggers & wanted
            if reason:
                for index in self._indices(change.attribute):
                    reasons[index] = reasons.get(index, NO_TRIGGER) | reason
        return [self._logged(index, reasons[index]) for index in sorted(reasons)]

    def integrity(self, now: float) -> list[Logged]:
        """All members if the integrity period is over by ``now``, otherwise none."""
        period = self._period()
        if period is None:
            return []
        at = self._integrity_at
        if at is None or at > now + period:
            # Just enabled by configuration, or the clock was set back.
            self._integrity_at = now + period
            return []
        if now < at:
            return []
        self._integrity_at = at + period if at + period > now else now + period
        return [self._logged(index, Trigger.INTEGRITY) for index in range(len(self._watched))]

    def next_integrity(self) -> float | None:
        """When ``integrity`` has something to do, seconds since 1970 UTC."""
        if self._period() is None:
            return None
        return self._integrity_at if self._integrity_at is not None else 0.0

    def _leaf(self, name: str, kind: BasicType) -> Leaf:
        status: Mapping[str, Callable[[], Value]] = {
            "OldEntrTm": lambda: _time(self.log.oldest),
            "NewEntrTm": lambda: _time(self.log.newest),
            "OldEntr": lambda: _entry_id(self.log.oldest),
            "NewEntr": lambda: _entry_id(self.log.newest),
        }
        if name in status:
            return _StatusLeaf(kind, kind.rest, look_up=status[name])
        return Leaf(kind, kind.rest)

    def _set(self, attribute: str, value: Value) -> None:
        leaf = self._leaves[attribute]
        leaf.value = leaf.type.checked(value)

    def _trg_ops(self) -> Trigger:
        return Trigger.from_trg_ops(str(self._leaves["TrgOps"].value))

    def _period(self) -> float | None:
        """The integrity period in seconds, None for none."""
        period = self._leaves["IntgPd"].value
        if not self.enabled or not period or not self._trg_ops() & Trigger.INTEGRITY:
            return None
        assert isinstance(period, int)
        return period / 1000

    def _switch(self, enable: bool, now: float) -> DataAccessError | None:
        if not enable:
            self._set("LogEna", False)
            return None
        if self.enabled:
            return None
        error = self._enable()
        period = self._period()
        self._integrity_at = now + period if period else None
        return error

    def _enable(self) -> DataAccessError | None:
        members = self._data_set_members(self.data_set)
        found = [(member, self._tree.find(member)) for member in members or ()]
        watched = tuple(
            _Watched(one, f"{one.ld}/{one.item_id}", node) for one, node in found if node is not None
        )
        if not watched or len(watched) < len(found):
            return DataAccessError.OBJECT_ATTRIBUTE_INCONSISTENT
        self._watched, self._touched = watched, {}
        self._set("LogEna", True)
        return None

    def _data_set_members(self, name: str) -> tuple[Reference, ...] | None:
        domain, _, item = name.partition("/")
        return self._members_of(domain, item)

    def _refusal(self, attribute: str, value: Value) -> DataAccessError | None:
        """Why an attribute cannot take a value of its type."""
        match attribute, value:
            case "LogRef", str() if value not in self._logs:
                return DataAccessError.OBJECT_VALUE_INVALID
            case "DatSet", str() if value.startswith("@"):
                # It would be gone with the association of whoever made it.
                return DataAccessError.OBJECT_ACCESS_DENIED
            case "DatSet", str() if value and self._data_set_members(value) is None:
                return DataAccessError.OBJECT_VALUE_INVALID
            case "IntgPd", int() if 0 < value < MIN_INTG_PD:
                return DataAccessError.OBJECT_VALUE_INVALID
        return None

    def _indices(self, attribute: Reference) -> tuple[int, ...]:
        """The members that hold an attribute; at most as many are remembered as the model has attributes."""
        found = self._touched.get(attribute)
        if found is None:
            found = tuple(index for index, one in enumerate(self._watched) if _holds(one.member, attribute))
            self._touched[attribute] = found
        return found

    def _logged(self, index: int, reason: Trigger) -> Logged:
        watched = self._watched[index]
        kept = reason if self._keeps_reason else NO_TRIGGER
        return Logged(watched.name, index, kept, watched.node.data())


def _time(entry: Entry | None) -> EntryTime:
    return entry_time(entry.time) if entry else NEVER


def _entry_id(entry: Entry | None) -> bytes:
    return entry.entry_id if entry else NO_ENTRY_ID


def _holds(member: Reference, attribute: Reference) -> bool:
    place = (member.ld, member.ln, member.fc)
    return (
        place == (attribute.ld, attribute.ln, attribute.fc)
        and attribute.path[: len(member.path)] == member.path
    )
