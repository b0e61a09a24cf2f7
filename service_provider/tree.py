"""The inside of a heat pump as a tree: server, logical devices, nodes, data objects, attributes, with
values."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from iec61850_model.client import NodeDefinition, Plain
from iec61850_model.mms.pdu import Structure, TypeDescription
from iec61850_model.reference import Reference
from iec61850_model.values import FunctionalConstraint
from service_provider.reading import Reading, jsonable, plain_text

FC = FunctionalConstraint
NOT_READ = "(not readable)"


class Kind(enum.StrEnum):
    """What a node of the tree is (7-2)."""

    SERVER = "server"
    LOGICAL_DEVICE = "logical device"
    LOGICAL_NODE = "logical node"
    DATA_OBJECT = "data object"
    ATTRIBUTE = "data attribute"


@dataclass(frozen=True, slots=True)
class Branch:
    """One object: its name, what is below it, and its value if it has one.

    A data object that stands for a value has a ``reading``; an attribute without parts a ``value`` (None if
    it could not be read) under ``fc``.
    """

    name: str
    kind: Kind
    children: tuple[Branch, ...] = ()
    reading: Reading | None = None
    fc: FC | None = None
    value: Plain | None = None
    text: str = ""

    @property
    def label(self) -> str:
        """One line that says what it is and what it is worth."""
        if self.reading is not None:
            quality = "" if self.reading.quality is None else f"  [{self.reading.quality.text}]"
            return f"{self.name} = {self.reading.text}{quality}"
        if self.fc is not None:
            return f"{self.name} [{self.fc}] = {self.text}" if self.text else f"{self.name} [{self.fc}]"
        return self.name

    def walk(self) -> Iterator[Branch]:
        """This object and everything below it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def as_dict(self) -> dict[str, Any]:
        """For JSON: name, kind, and as far as they apply fc, value, reading, children."""
        found: dict[str, Any] = {"name": self.name, "kind": self.kind.value}
        if self.fc is not None:
            found["fc"] = self.fc.value
        if self.value is not None:
            found["value"] = jsonable(self.value)
        if self.reading is not None:
            found["reading"] = self.reading.as_dict()
        if self.children:
            found["children"] = [child.as_dict() for child in self.children]
        return found


def data_object(
    definition: NodeDefinition,
    reference: Reference,
    values: Mapping[Reference, Plain],
    readings: Mapping[Reference, Reading],
) -> Branch:
    """The branch of a data object, or of a data object inside another one.

    ``values`` are those of the data object by reference with functional constraint, ``readings`` those of
    data objects by reference without.
    """
    plain = Reference(reference.ld, reference.ln, reference.path)
    children = []
    for name, fcs in _parts(definition, reference.path).items():
        below = reference.child(name)
        if _is_object(definition, below.path):
            children.append(data_object(definition, below, values, readings))
            continue
        for fc in fcs:
            described = definition.find(fc, below.path)
            assert described is not None
            children.append(_attribute(below.with_fc(fc), described, _value(values, below.with_fc(fc))))
    return Branch(reference.path[-1], Kind.DATA_OBJECT, tuple(children), readings.get(plain))


def _parts(definition: NodeDefinition, path: tuple[str, ...]) -> dict[str, list[FC]]:
    parts: dict[str, list[FC]] = {}
    for name, fc in definition.children(path):
        parts.setdefault(name, []).append(fc)
    return parts


def _is_object(definition: NodeDefinition, path: tuple[str, ...]) -> bool:
    """A component with a quality of its own, or under several constraints, is a data object inside
    another."""
    found = definition.where(path)
    structures = [described for described in found.values() if isinstance(described, Structure)]
    return len(structures) > 1 or any(name == "q" for one in structures for name, _ in one.components)


def _value(values: Mapping[Reference, Plain], reference: Reference) -> Plain | None:
    """The value of an attribute, out of whichever object above it was read."""
    for cut in range(len(reference.path), 0, -1):
        holder = Reference(reference.ld, reference.ln, reference.path[:cut], reference.fc)
        if holder in values:
            found: Plain | None = values[holder]
            for name in reference.path[cut:]:
                found = found.get(name) if isinstance(found, dict) else None
            return found
    return None


def _attribute(reference: Reference, described: TypeDescription, value: Plain | None) -> Branch:
    name, fc = reference.path[-1], reference.fc
    if isinstance(described, Structure) and fc is not FC.CO:
        parts = value if isinstance(value, dict) else {}
        children = tuple(
            _attribute(reference.child(part), inside, parts.get(part))
            for part, inside in described.components
        )
        return Branch(name, Kind.ATTRIBUTE, children, fc=fc)
    if value is None:
        # What is inside Oper is for operate, and has no value to show.
        return Branch(name, Kind.ATTRIBUTE, fc=fc, text="" if fc is FC.CO else NOT_READ)
    return Branch(name, Kind.ATTRIBUTE, fc=fc, value=value, text=plain_text(value, reference.path))
