"""Controls: direct-with-normal-security with time activation (7-2 clause 20, 8-2 clause 20).

Operate answers when the process has taken the value; what it did shows in the status of the data object.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from iec61850_model.mms.pdu import (
    Data,
    DataAccessError,
    InformationReport,
    ObjectName,
    Payload,
    Unconfirmed,
    VariableList,
)
from iec61850_model.reference import Reference
from iec61850_model.server.effects import Effect, Moment, Send, Switch
from iec61850_model.tree import ArrayNode, Branch, Leaf, Node, Tree
from iec61850_model.types import Value, ValueRefused
from iec61850_model.values import (
    GOOD,
    NOW,
    AddCause,
    ControlError,
    ControlModel,
    FunctionalConstraint,
    OrCat,
    Timestamp,
)

MAX_AGE = 30.0
"""Seconds an operate's T may lie in the past: what was held up is not carried out late (DESIGN section 5)."""
MAX_AHEAD = 30.0
"""Seconds an operate's T may lie in the future: beyond that the two clocks disagree (DESIGN section 5)."""
REMEMBERED = MAX_AGE + MAX_AHEAD
"""Seconds an operate is remembered so that a repeat is answered and not carried out again."""
MAX_REMEMBERED = 64
"""Operates remembered per object; more than one a second is refused, for no relay should be driven so."""
MAX_OPERTM_AHEAD = 7 * 86_400.0
"""Seconds operTm may lie in the future: what is further away is a schedule's business."""

FC = FunctionalConstraint
_T = TypeVar("_T")
_ACCESS_ERROR = {
    AddCause.BLOCKED_BY_PROCESS: DataAccessError.HARDWARE_FAULT,
    AddCause.NO_ACCESS_AUTHORITY: DataAccessError.OBJECT_ACCESS_DENIED,
    AddCause.NOT_SUPPORTED: DataAccessError.OBJECT_ACCESS_DENIED,
    AddCause.BLOCKED_BY_MODE: DataAccessError.OBJECT_ACCESS_DENIED,
    AddCause.BLOCKED_BY_SWITCHING_HIERARCHY: DataAccessError.OBJECT_ACCESS_DENIED,
}
"""Write failure that goes with an AddCause (8-2 Table 72); all others are temporarily-unavailable."""

_BEH_ON, _BEH_TEST, _BEH_TEST_BLOCKED = 1, 3, 4


@dataclass(frozen=True, slots=True)
class Command:
    """The parts of an Oper structure (8-2 Table 67)."""

    reference: Reference
    value: Value
    at: Timestamp
    or_cat: OrCat
    or_ident: bytes
    number: int
    time: Timestamp
    test: bool

    def identity(self, peer: str) -> Hashable:
        """What makes two operates the same one: origin, ctlNum and T (DESIGN section 5).

        What they ask for belongs to it: another value under the same number is another command, and must
        not be answered as if it had been carried out.
        """
        origin = (peer.partition("/")[0], self.or_cat, self.or_ident)
        return (*origin, self.number, self.time, self.value, self.at, self.test)


@dataclass(frozen=True, slots=True)
class Client:
    """Who asked: a full JID, and the association the request came in."""

    peer: str
    association: str | None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The operate is done, or waits for its time."""


@dataclass(frozen=True, slots=True)
class Executing:
    """The process is being asked; the answer follows under ``key``."""

    key: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The operate is not carried out."""

    error: DataAccessError
    cause: AddCause


Outcome = Accepted | Executing | Refused


@dataclass(slots=True)
class _Object:
    """What one controllable data object has going on."""

    executing: int | None = None
    pending: Command | None = None
    remembered: dict[Hashable, tuple[float, Outcome]] = field(default_factory=dict)


class Controls:
    """All controllable data objects of a server. I/O-free: time is passed in, switching is an effect."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._objects: dict[Reference, _Object] = {}
        self._executing: dict[int, tuple[Command, Hashable]] = {}
        self._next_key = 0

    @staticmethod
    def is_operate(reference: Reference | None) -> bool:
        """A write to this reference is an Operate."""
        return bool(reference and reference.fc is FC.CO and reference.path and reference.path[-1] == "Oper")

    def operate(
        self, client: Client, reference: Reference, data: Data, moment: Moment
    ) -> tuple[Outcome, list[Effect]]:
        """Operate or TimeActivatedOperate.

        A refusal comes with LastApplError where the object exists (8-2, 20.8).
        """
        target = Reference(reference.ld, reference.ln, reference.path[:-1])
        branch = self._tree.find(reference)
        if not isinstance(branch, Branch):
            return Refused(DataAccessError.OBJECT_NON_EXISTENT, AddCause.NOT_SUPPORTED), []
        try:
            command = _command(target, branch, data)
        except ValueRefused as refused:
            return Refused(refused.error, AddCause.INCONSISTENT_PARAMETERS), []
        state = self._objects.setdefault(target, _Object())
        _forget(state, moment.now)
        identity = command.identity(client.peer)
        if identity in state.remembered:
            return state.remembered[identity][1], []
        cause = self._refusal(command, state, moment)
        if cause is not None:
            error = _ACCESS_ERROR.get(cause, DataAccessError.TEMPORARILY_UNAVAILABLE)
            return Refused(error, cause), [_last_appl_error(client, reference, command, cause)]
        if not command.at.is_zero:
            state.pending = command
            state.remembered[identity] = (moment.now, Accepted())
            return Accepted(), []
        outcome, effects = self._execute(command, state, identity)
        state.remembered[identity] = (moment.now, outcome)
        return outcome, effects

    def switched(self, key: int, cause: AddCause | None, moment: Moment) -> Outcome:
        """The process has taken the value (cause None) or not; the status follows the process.

        Raises KeyError for a key that is not being executed.
        """
        command, identity = self._executing.pop(key)
        state = self._objects[command.reference]
        state.executing = None
        if cause is not None:
            state.remembered.pop(identity, None)
            return Refused(_ACCESS_ERROR.get(cause, DataAccessError.TEMPORARILY_UNAVAILABLE), cause)
        self._tree.update(
            command.reference,
            command.value,
            GOOD,
            moment.timestamp,
            mirrored={
                ("origin", "orCat"): int(command.or_cat),
                ("origin", "orIdent"): command.or_ident,
                ("ctlNum",): command.number,
            },
        )
        state.remembered[identity] = (moment.now, Accepted())
        return Accepted()

    def last_appl_error(self, key: int, client: Client, cause: AddCause) -> Effect:
        """LastApplError for an operate that the process refuses; call before ``switched``."""
        command, _ = self._executing[key]
        oper = command.reference.child("Oper").with_fc(FC.CO)
        return _last_appl_error(client, oper, command, cause)

    def due(self, now: float) -> list[Effect]:
        """Start what was to be carried out by ``now``; what is more than MAX_AGE late is dropped, for nobody
        expects it any more (a stalled box, a clock set forward).
        """
        effects: list[Effect] = []
        for state in self._objects.values():
            if state.pending is None or state.pending.at.unix > now or state.executing is not None:
                continue
            command, state.pending = state.pending, None
            if now - command.at.unix <= MAX_AGE:
                effects += self._execute(command, state, object())[1]
        return effects

    def next_due(self) -> float | None:
        """When the next time-activated control is to run, seconds since 1970 UTC."""
        times = [
            one.pending.at.unix for one in self._objects.values() if one.pending and one.executing is None
        ]
        return min(times, default=None)

    def _execute(self, command: Command, state: _Object, identity: Hashable) -> tuple[Outcome, list[Effect]]:
        self._next_key += 1
        key = state.executing = self._next_key
        self._executing[key] = (command, identity)
        switch = Switch(key, command.reference, command.value, command.or_cat, command.or_ident)
        return Executing(key), [switch]

    def _refusal(self, command: Command, state: _Object, moment: Moment) -> AddCause | None:
        now = moment.now
        if self._control_model(command.reference) is not ControlModel.DIRECT_NORMAL:
            return AddCause.NOT_SUPPORTED
        mode = self._mode_cause(command)
        if mode is not None:
            return mode
        if not moment.synchronized:
            return AddCause.BLOCKED_BY_HEALTH
        if not now - MAX_AGE <= command.time.unix <= now + MAX_AHEAD:
            return AddCause.TIME_LIMIT_OVER
        if not command.at.is_zero and not now <= command.at.unix <= now + MAX_OPERTM_AHEAD:
            return AddCause.TIME_LIMIT_OVER
        busy = state.executing is not None if command.at.is_zero else state.pending is not None
        if busy or len(state.remembered) >= MAX_REMEMBERED:
            return AddCause.COMMAND_ALREADY_IN_EXECUTION
        if not self._in_limits(command):
            return AddCause.INCONSISTENT_PARAMETERS
        return None

    def _control_model(self, reference: Reference) -> ControlModel | None:
        branch = self._tree.find(reference.with_fc(FC.CF))
        leaf = branch.leaf("ctlModel") if isinstance(branch, Branch) else None
        return ControlModel(leaf.value) if leaf and isinstance(leaf.value, int) else None

    def _mode_cause(self, command: Command) -> AddCause | None:
        """Test commands only in mode test, real ones only in mode on (7-4 Annex A)."""
        beh = self._tree.find(Reference(command.reference.ld, command.reference.ln, ("Beh", "stVal"), FC.ST))
        mode = beh.value if isinstance(beh, Leaf) else _BEH_ON
        allowed = (_BEH_TEST, _BEH_TEST_BLOCKED) if command.test else (_BEH_ON,)
        return None if mode in allowed else AddCause.BLOCKED_BY_MODE

    def _in_limits(self, command: Command) -> bool:
        """The value lies in minVal..maxVal of the data object (7-3, INC and APC)."""
        branch = self._tree.find(command.reference.with_fc(FC.CF))
        if not isinstance(branch, Branch) or isinstance(command.value, bool):
            return True
        low, high = (_limit(branch, name) for name in ("minVal", "maxVal"))
        value = command.value
        assert isinstance(value, int | float)
        return (low is None or value >= low) and (high is None or value <= high)


def _limit(branch: Branch, name: str) -> float | None:
    leaf = branch.leaf(name) or branch.leaf(name, "f")
    return leaf.value if leaf and isinstance(leaf.value, int | float) else None


def _forget(state: _Object, now: float) -> None:
    old = [
        identity
        for identity, (at, outcome) in state.remembered.items()
        if now - at > REMEMBERED and not isinstance(outcome, Executing)
    ]
    for identity in old:
        del state.remembered[identity]


def _command(target: Reference, branch: Branch, data: Data) -> Command:
    """Read an Oper structure as the model defines it; raises ValueRefused."""
    parts = _parts(branch, data)
    value, origin = parts["ctlVal"], parts["origin"]
    if isinstance(value, dict):
        value = next(iter(value.values()))
    if not isinstance(origin, dict):
        raise ValueRefused("origin is a structure of orCat and orIdent")
    return Command(
        reference=target,
        value=value,
        at=_part(parts, "operTm", Timestamp) if "operTm" in parts else NOW,
        or_cat=OrCat(_part(origin, "orCat", int)),
        or_ident=_part(origin, "orIdent", bytes),
        number=_part(parts, "ctlNum", int),
        time=_part(parts, "T", Timestamp),
        test=_part(parts, "Test", bool),
    )


def _part(parts: Mapping[str, object], name: str, kind: type[_T]) -> _T:
    value = parts[name]
    if not isinstance(value, kind):
        raise ValueRefused(f"{name} is not a {kind.__name__}")
    return value


def _parts(branch: Branch, data: Data) -> dict[str, Value | dict[str, Value]]:
    values = data.value
    if data.tag != "structure" or not isinstance(values, tuple) or len(values) != len(branch.children):
        raise ValueRefused(f"Oper is a structure of {', '.join(branch.children)}")
    parts: dict[str, Value | dict[str, Value]] = {}
    for (name, node), part in zip(branch.children.items(), values, strict=True):
        assert isinstance(part, Data)
        parts[name] = _basic(node, part)
    return parts


def _basic(node: Node, data: Data) -> Value | dict[str, Value]:
    if isinstance(node, Leaf):
        return node.type.from_data(data)
    if isinstance(node, ArrayNode):
        raise ValueRefused("an Oper structure holds no arrays")
    return {name: value for name, value in _parts(node, data).items() if not isinstance(value, dict)}


def _last_appl_error(client: Client, oper: Reference, command: Command, cause: AddCause) -> Send:
    """LastApplError (8-2, 20.8): CntrlObj, Error, Origin, ctlNum, AddCause."""
    origin = Data(
        "structure",
        (Data("integer", int(command.or_cat)), Data("octet-string", command.or_ident)),
    )
    report = InformationReport(
        VariableList((ObjectName("LastApplError"),)),
        (
            Data(
                "structure",
                (
                    Data("visible-string", f"{oper.ld}/{oper.item_id.removesuffix('$Oper')}"),
                    Data("integer", int(ControlError.UNKNOWN)),
                    origin,
                    Data("unsigned", command.number),
                    Data("integer", int(cause)),
                ),
            ),
        ),
    )
    return Send(client.peer, Payload(Unconfirmed(report), client.association))
