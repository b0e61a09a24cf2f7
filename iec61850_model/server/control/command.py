"""A command as a client writes it, and what becomes of it (8-2 Table 67)."""

from __future__ import annotations

import enum
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from iec61850_model.mms.pdu import Data, DataAccessError
from iec61850_model.reference import Reference
from iec61850_model.server.effects import Effect, Send
from iec61850_model.tree import ArrayNode, Branch, Leaf, Node
from iec61850_model.types import Value, ValueRefused
from iec61850_model.values import NOW, AddCause, FunctionalConstraint, OrCat, Timestamp

FC = FunctionalConstraint
_T = TypeVar("_T")


class Service(enum.StrEnum):
    """What a write below FC CO asks for, by the attribute written."""

    OPERATE = "Oper"
    SELECT_WITH_VALUE = "SBOw"
    CANCEL = "Cancel"


SELECT = "SBO"
"""The attribute that is read to select (8-2, 20.3)."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who asked: a full JID, and the association the request came in."""

    peer: str
    association: str | None

    @property
    def bare(self) -> str:
        """Whose resource it is: commands belong to it, so that they can be ended after a new login."""
        return self.peer.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Command:
    """The parts of an Oper, SBOw or Cancel structure.

    ``given``: the structure itself, for its termination; ``at_once``: the same with operTm 0, as a
    CommandTermination has it after the time-activated operate has begun.
    """

    reference: Reference
    value: Value
    at: Timestamp
    or_cat: OrCat
    or_ident: bytes
    number: int
    time: Timestamp
    test: bool
    given: Data
    at_once: Data

    def identity(self, peer: str) -> Hashable:
        """What makes two operates the same one: origin, ctlNum and T (DESIGN section 5).

        What they ask for belongs to it: another value under the same number is another command, and must
        not be answered as if it had been carried out.
        """
        origin = (peer.partition("/")[0], self.or_cat, self.or_ident)
        return (*origin, self.number, self.time, self.value, self.at, self.test)

    def asks_the_same(self, other: Command) -> bool:
        """ctlVal, origin and Test agree."""
        return (self.value, self.or_cat, self.or_ident, self.test) == (
            *(other.value, other.or_cat, other.or_ident),
            other.test,
        )

    def agrees_with(self, other: Command) -> bool:
        """All that has to be the same in SBOw, Oper and Cancel of enhanced security (7-2 clause 20)."""
        mine, its = (self.number, self.time, self.at), (other.number, other.time, other.at)
        return self.asks_the_same(other) and mine == its


@dataclass(frozen=True, slots=True)
class Accepted:
    """It is done, or waits for its time, or goes on under enhanced security."""


@dataclass(frozen=True, slots=True)
class Executing:
    """The process is being asked; the answer follows under ``key``."""

    key: int


@dataclass(frozen=True, slots=True)
class Refused:
    """It is not carried out."""

    error: DataAccessError
    cause: AddCause


Outcome: TypeAlias = Accepted | Executing | Refused


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered, what is sent before that (LastApplError), and what happens after it."""

    outcome: Outcome
    ahead: tuple[Send, ...] = ()
    after: tuple[Effect, ...] = ()


def read_command(target: Reference, branch: Branch, data: Data) -> Command:
    """Read a control structure as the model defines it; raises ValueRefused."""
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
        given=data,
        at_once=_at_once(branch, data),
    )


def _at_once(branch: Branch, data: Data) -> Data:
    assert isinstance(data.value, tuple)
    pairs = zip(branch.children, data.value, strict=True)
    return Data("structure", tuple(Data("utc-time", NOW) if n == "operTm" else part for n, part in pairs))


def _part(parts: Mapping[str, object], name: str, kind: type[_T]) -> _T:
    value = parts[name]
    if not isinstance(value, kind):
        raise ValueRefused(f"{name} is not a {kind.__name__}")
    return value


def _parts(branch: Branch, data: Data) -> dict[str, Value | dict[str, Value]]:
    values = data.value
    if data.tag != "structure" or not isinstance(values, tuple) or len(values) != len(branch.children):
        raise ValueRefused(f"a structure of {', '.join(branch.children)} is wanted")
    parts: dict[str, Value | dict[str, Value]] = {}
    for (name, node), part in zip(branch.children.items(), values, strict=True):
        assert isinstance(part, Data)
        parts[name] = _basic(node, part)
    return parts


def _basic(node: Node, data: Data) -> Value | dict[str, Value]:
    if isinstance(node, Leaf):
        return node.type.from_data(data)
    if isinstance(node, ArrayNode):
        raise ValueRefused("a control structure holds no arrays")
    return {name: value for name, value in _parts(node, data).items() if not isinstance(value, dict)}
