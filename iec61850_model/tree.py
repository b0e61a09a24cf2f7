"""The server's instances: logical devices, nodes, data objects, attributes, and one way to change a value.

A tree holds the MMS view (8-2, clause 8): logical device > logical node > FC > data object > attribute.
Value, quality and time of a data object lie in one branch and are changed together by ``Tree.update`` only,
so nobody can see a new value with an old time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from iec61850_model.mms.pdu import Array, Data, DataAccessError, Structure, TypeDescription
from iec61850_model.reference import Reference
from iec61850_model.types import BasicType, Value, ValueRefused
from iec61850_model.values import NO_TRIGGER, FunctionalConstraint, Quality, Timestamp, Trigger

FC = FunctionalConstraint

VALUE_PATHS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("SPS", "DPS", "INS", "ENS", "VSS", "ORS", "TCS", "SPC", "DPC", "INC", "ENC"), ("stVal",)
    ),
    "MV": ("mag", "f"),
    "CMV": ("cVal", "mag", "f"),
    "APC": ("mxVal", "f"),
    "BCR": ("actVal",),
    **dict.fromkeys(("SPG", "ING", "ENG", "VSG"), ("setVal",)),
    "ASG": ("setMag", "f"),
    "ORG": ("setSrcRef",),
}
"""Where the value of a common data class stands (7-3, clauses 7.3 to 7.6)."""

VALUE_FCS = (FC.MX, FC.ST, FC.SP, FC.SG)
"""Functional constraints that hold the value of a data object, in the order they are looked for."""


@dataclass(slots=True)
class Leaf:
    """An attribute of basic type. ``writable``: a client may set it (SCL valKind Set, FC SP)."""

    type: BasicType
    value: Value
    writable: bool = False
    triggers: Trigger = NO_TRIGGER
    """Which of dchg, qchg and dupd this attribute causes (SCL)."""

    def describe(self) -> TypeDescription:
        return self.type.primitive

    def data(self) -> Data:
        return self.type.to_data(self.value)

    def plan(self, data: Data, assignments: list[tuple[Leaf, Value]]) -> None:
        """Add what a write of ``data`` would assign; raises ValueRefused and changes nothing."""
        if not self.writable:
            raise ValueRefused("the attribute is read-only", DataAccessError.OBJECT_ACCESS_DENIED)
        assignments.append((self, self.type.from_data(data)))


@dataclass(slots=True)
class Branch:
    """A structured attribute, or a data object under one FC."""

    children: dict[str, Node] = field(default_factory=dict)

    def describe(self) -> TypeDescription:
        return Structure(tuple((name, child.describe()) for name, child in self.children.items()))

    def data(self) -> Data:
        return Data("structure", tuple(child.data() for child in self.children.values()))

    def plan(self, data: Data, assignments: list[tuple[Leaf, Value]]) -> None:
        """Add what a write of ``data`` would assign; raises ValueRefused and changes nothing."""
        _plan_parts(list(self.children.values()), "structure", data, assignments)

    def leaf(self, *path: str) -> Leaf | None:
        """The leaf below this branch, or None if there is none of that name."""
        node: Node | None = self
        for name in path:
            node = node.children.get(name) if isinstance(node, Branch) else None
        return node if isinstance(node, Leaf) else None


@dataclass(slots=True)
class ArrayNode:
    """An array attribute of fixed size."""

    elements: list[Node]

    def describe(self) -> TypeDescription:
        return Array(len(self.elements), self.elements[0].describe())

    def data(self) -> Data:
        return Data("array", tuple(element.data() for element in self.elements))

    def plan(self, data: Data, assignments: list[tuple[Leaf, Value]]) -> None:
        """Add what a write of ``data`` would assign; raises ValueRefused and changes nothing."""
        _plan_parts(self.elements, "array", data, assignments)


Node: TypeAlias = Leaf | Branch | ArrayNode


def _plan_parts(nodes: list[Node], tag: str, data: Data, assignments: list[tuple[Leaf, Value]]) -> None:
    parts = data.value
    if data.tag != tag or not isinstance(parts, tuple) or len(parts) != len(nodes):
        raise ValueRefused(f"a {tag} of {len(nodes)} parts is wanted")
    for node, part in zip(nodes, parts, strict=True):
        assert isinstance(part, Data)
        node.plan(part, assignments)


@dataclass(slots=True)
class LogicalNode:
    """A logical node: per functional constraint its data objects, and the common data class of each."""

    ln_class: str
    by_fc: dict[FC, Branch] = field(default_factory=dict)
    cdcs: dict[tuple[str, ...], str] = field(default_factory=dict)
    transient: set[tuple[str, ...]] = field(default_factory=set)
    """Data objects whose value does not last: true for a moment, then false again (7-4; SCL transient)."""

    def describe(self) -> TypeDescription:
        return Structure(tuple((fc.value, branch.describe()) for fc, branch in self.by_fc.items()))

    def variable_names(self, ln: str) -> Iterator[str]:
        """Every variable of this node under its name ``ln``: LN, LN$FC, LN$FC$DO, LN$FC$DO$DA.."""
        yield ln
        for fc, branch in self.by_fc.items():
            yield f"{ln}${fc}"
            yield from _names_below(f"{ln}${fc}", branch)


@dataclass(slots=True)
class LogicalDevice:
    """A logical device: an MMS domain."""

    name: str
    nodes: dict[str, LogicalNode] = field(default_factory=dict)
    _sorted_names: list[str] = field(default_factory=list)

    def variable_names(self) -> list[str]:
        """Every variable of the domain in ASCII order (8-2, clause 11)."""
        if not self._sorted_names:
            self._sorted_names = sorted(
                name for ln, node in self.nodes.items() for name in node.variable_names(ln)
            )
        return self._sorted_names


def _names_below(prefix: str, node: Node) -> Iterator[str]:
    if isinstance(node, Branch):
        for name, child in node.children.items():
            yield f"{prefix}${name}"
            yield from _names_below(f"{prefix}${name}", child)


class NoSuchNode(LookupError):
    """A reference that leads to nothing in this tree."""


@dataclass(frozen=True, slots=True)
class Update:
    """A new value, quality and time of a data object; see ``Tree.update``."""

    reference: Reference
    value: object
    quality: Quality
    time: Timestamp
    mirrored: Mapping[tuple[str, ...], Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one attribute: ``attribute`` is its full reference, with FC."""

    attribute: Reference
    triggers: Trigger


Watcher: TypeAlias = Callable[[Sequence[Change]], None]
"""Told of all that changed in one moment, when it has: it may read the new values, and changes nothing."""


class Tree:
    """All instances of one server. Not thread-safe: one owner changes it, in its own loop."""

    def __init__(self, devices: Iterable[LogicalDevice]) -> None:
        self.devices = {device.name: device for device in devices}
        self.watchers: list[Watcher] = []

    def logical_node(self, domain: str, ln: str) -> LogicalNode | None:
        """The logical node, or None."""
        device = self.devices.get(domain)
        return device.nodes.get(ln) if device else None

    def find(self, reference: Reference) -> Node | None:
        """What lies at LD/LN.DO.DA under the reference's FC, or None; without an FC nothing is found."""
        node = self.logical_node(reference.ld, reference.ln)
        if node is None or reference.fc is None:
            return None
        found: Node | None = node.by_fc.get(reference.fc)
        for name in reference.path:
            found = found.children.get(name) if isinstance(found, Branch) else None
        return found

    def cdc(self, reference: Reference) -> str | None:
        """The common data class of a data object, or None if it is none."""
        node = self.logical_node(reference.ld, reference.ln)
        return node.cdcs.get(reference.path) if node else None

    def is_transient(self, reference: Reference) -> bool:
        """The value of this data object does not last (7-4)."""
        node = self.logical_node(reference.ld, reference.ln)
        return node is not None and reference.path in node.transient

    def data_objects(self) -> Iterator[tuple[Reference, str]]:
        """Every data object (sub data objects too) with its common data class."""
        for device in self.devices.values():
            for ln, node in device.nodes.items():
                for path, cdc in node.cdcs.items():
                    yield Reference(device.name, ln, path), cdc

    def value_branch(self, reference: Reference) -> tuple[Reference, Branch]:
        """The branch that holds value, quality and time of a data object, with its FC.

        Raises NoSuchNode if the data object does not exist or holds no value.
        """
        for fc in VALUE_FCS if reference.fc is None else (reference.fc,):
            found = self.find(reference.with_fc(fc))
            if isinstance(found, Branch) and self.cdc(reference) in VALUE_PATHS:
                return reference.with_fc(fc), found
        raise NoSuchNode(f"{reference} is not a data object with a value in this model")

    def value_leaf(self, reference: Reference) -> Leaf:
        """The leaf of a data object's value; raises NoSuchNode."""
        _, branch = self.value_branch(reference)
        leaf = branch.leaf(*VALUE_PATHS[self.cdc(reference) or ""])
        if leaf is None:
            raise NoSuchNode(f"{reference} has no value attribute in this model")
        return leaf

    def read(self, reference: Reference) -> tuple[Value, Quality, Timestamp]:
        """Value, quality and time of a data object as they are now; raises NoSuchNode."""
        _, branch = self.value_branch(reference)
        quality, time = branch.leaf("q"), branch.leaf("t")
        if quality is None or time is None:
            raise NoSuchNode(f"{reference} has no quality and time")
        assert isinstance(quality.value, Quality) and isinstance(time.value, Timestamp)
        return self.value_leaf(reference).value, quality.value, time.value

    def update(
        self,
        reference: Reference,
        value: object,
        quality: Quality,
        time: Timestamp,
        *,
        mirrored: Mapping[tuple[str, ...], Value] | None = None,
    ) -> None:
        """Set value, quality and time of a data object as one.

        ``value`` None keeps the last value, for a source that has none now: the quality says so. ``mirrored``
        sets further attributes of the same branch where they exist, e.g. ``("origin", "orCat")``.
        Raises NoSuchNode or ValueRefused and then changes nothing.
        """
        self.update_all([Update(reference, value, quality, time, mirrored or {})])

    def update_all(self, updates: Iterable[Update]) -> None:
        """Make several updates as one: all of them, or none if one is refused. See ``update``."""
        assignments: list[tuple[Reference, Leaf, Value]] = []
        for one in updates:
            assignments += self._planned(one)
        self._assign(assignments)

    def set_beside(self, reference: Reference, values: Mapping[tuple[str, ...], Value]) -> None:
        """Set attributes that stand beside a data object's value, such as ``("stSeld",)``, where they exist.

        Value, quality and time stay as they are. Raises ValueRefused.
        """
        assignments: list[tuple[Reference, Leaf, Value]] = []
        for fc in VALUE_FCS:
            place = reference.with_fc(fc)
            branch = self.find(place)
            if isinstance(branch, Branch):
                assignments += _beside(place, branch, values)
        self._assign(assignments)

    def write(self, reference: Reference, data: Data) -> None:
        """Set an attribute, structure or array that a client may write, all of it or nothing.

        Raises NoSuchNode or ValueRefused.
        """
        node = self.find(reference)
        if node is None:
            raise NoSuchNode(f"{reference} does not exist")
        planned: list[tuple[Leaf, Value]] = []
        node.plan(data, planned)
        places = {id(leaf): place for place, leaf in _leaves(reference, node)}
        self._assign([(places[id(leaf)], leaf, value) for leaf, value in planned])

    def _planned(self, update: Update) -> Iterator[tuple[Reference, Leaf, Value]]:
        place, branch = self.value_branch(update.reference)
        path = VALUE_PATHS[self.cdc(update.reference) or ""]
        leaf = branch.leaf(*path)
        quality, time = branch.leaf("q"), branch.leaf("t")
        if leaf is None:
            raise NoSuchNode(f"{update.reference} has no value attribute in this model")
        if quality is None or time is None:
            raise NoSuchNode(f"{update.reference} has no quality and time: it is a setting")
        value = leaf.value if update.value is None else leaf.type.checked(update.value)
        yield place.child(*path), leaf, value
        yield place.child("q"), quality, update.quality
        yield place.child("t"), time, update.time
        yield from _beside(place, branch, update.mirrored)

    def _assign(self, assignments: Sequence[tuple[Reference, Leaf, Value]]) -> None:
        changes = []
        for place, leaf, value in assignments:
            if leaf.triggers:
                caused = leaf.triggers & Trigger.DUPD
                if not _same(leaf.value, value):
                    caused |= leaf.triggers & (Trigger.DCHG | Trigger.QCHG)
                if caused:
                    changes.append(Change(place, caused))
            leaf.value = value
        if changes:
            for watcher in self.watchers:
                watcher(changes)


def _same(old: Value, new: Value) -> bool:
    """Not-a-number is the same as itself: it is no change."""
    if isinstance(old, float) and isinstance(new, float) and math.isnan(old):
        return math.isnan(new)
    return old == new


def _beside(
    place: Reference, branch: Branch, values: Mapping[tuple[str, ...], Value]
) -> Iterator[tuple[Reference, Leaf, Value]]:
    for at, value in values.items():
        leaf = branch.leaf(*at)
        if leaf is not None:
            yield place.child(*at), leaf, leaf.type.checked(value)


def _leaves(reference: Reference, node: Node) -> Iterator[tuple[Reference, Leaf]]:
    """Every leaf with its reference; an array has one place for all its elements."""
    match node:
        case Leaf():
            yield reference, node
        case Branch(children):
            for name, child in children.items():
                yield from _leaves(reference.child(name), child)
        case ArrayNode(elements):
            for element in elements:
                yield from _leaves(reference, element)
