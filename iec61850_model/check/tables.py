"""The facts of the standard that a model is compared with; the tables themselves are in standard.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_PRESENCE = re.compile(r"(\w+)(?:\((\w+)\))?")
_CLASS = re.compile(r"(\w+)(?:<(\w+)>)?")


@dataclass(frozen=True, slots=True)
class Presence:
    """A presence condition such as ``MO(range)``: a word, and a sibling or a group it speaks of."""

    word: str
    argument: str = ""

    @classmethod
    def parse(cls, text: str) -> Presence:
        """Read ``M`` or ``AtLeastOne(1)``; raises ValueError."""
        match = _PRESENCE.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no presence condition")
        return cls(match[1], match[2] or "")

    @property
    def many(self) -> bool:
        """Whether there may be several, told apart by the number at the end of the name."""
        return "multi" in self.word


@dataclass(frozen=True, slots=True)
class ObjectFact:
    """A data object of a class. ``parameter``: the enumeration of an ENS<HealthKind>, else empty."""

    name: str
    cdc: str
    parameter: str
    presence: Presence
    transient: bool


@dataclass(frozen=True, slots=True)
class AttributeFact:
    """An attribute of a CDC; ``fc`` SDO is a data object inside it, ``type`` then its CDC."""

    name: str
    fc: str
    type: str
    presence: Presence
    triggers: frozenset[str]


@dataclass(frozen=True, slots=True)
class PartFact:
    """A part of a constructed attribute class."""

    name: str
    type: str
    presence: Presence


@dataclass(frozen=True, slots=True)
class NodeFact:
    """A logical node class with all data objects, inherited ones too."""

    namespace: str
    objects: Mapping[str, ObjectFact]


@dataclass(frozen=True, slots=True)
class Tables:
    """All facts. ``control_values``: the type of ctlVal by CDC; ``enumerations``: literals by ordinal."""

    nodes: Mapping[str, NodeFact]
    cdcs: Mapping[str, Mapping[str, AttributeFact]]
    control_values: Mapping[str, str]
    structures: Mapping[str, Mapping[str, PartFact]]
    enumerations: Mapping[str, Mapping[int, str]]


@dataclass(frozen=True, slots=True)
class ElementFact:
    """What an SCL element may hold. ``children`` in the order of the schema, unless ``any_order``."""

    attributes: frozenset[str]
    required: frozenset[str]
    children: Sequence[str]
    any_order: bool


@cache
def tables() -> Tables:
    """The tables, read once."""
    raw = tomllib.loads((files(__package__) / "standard.toml").read_text("utf-8"))
    abstract = {name: [_object(text) for text in texts] for name, texts in raw["abstract_nodes"].items()}
    everywhere = raw["every_cdc"]["attributes"]
    return Tables(
        nodes={
            name: NodeFact(node["namespace"], _objects(node, abstract)) for name, node in raw["nodes"].items()
        },
        cdcs={
            name: {fact.name: fact for fact in map(_attribute, [*texts, *everywhere])}
            for name, texts in raw["cdcs"].items()
        },
        control_values=raw["control_values"],
        structures={
            name: {fact.name: fact for fact in map(_part, texts)} for name, texts in raw["structures"].items()
        },
        enumerations={
            name: {int(ordinal): literal for ordinal, literal in literals.items()}
            for name, literals in raw["enumerations"].items()
        },
    )


@cache
def elements() -> Mapping[str, ElementFact]:
    """The SCL elements whose content is checked, by name."""
    raw = tomllib.loads((files(__package__) / "scl.toml").read_text("utf-8"))
    return {
        name: ElementFact(
            frozenset(one.get("required", [])) | frozenset(one.get("optional", [])),
            frozenset(one.get("required", [])),
            one.get("children", []),
            one.get("any_order", False),
        )
        for name, one in raw.items()
    }


def _objects(
    node: Mapping[str, Sequence[str]], abstract: Mapping[str, Sequence[ObjectFact]]
) -> dict[str, ObjectFact]:
    """Own data objects come last, so that they stand before an inherited one of the same name."""
    inherited = [fact for base in reversed(node["bases"]) for fact in abstract.get(base, [])]
    return {fact.name: fact for fact in [*inherited, *map(_object, node["objects"])]}


def _object(text: str) -> ObjectFact:
    name, kind, presence, *transient = text.split()
    match = _CLASS.fullmatch(kind)
    if match is None:
        raise ValueError(f"{kind!r} is no common data class")
    return ObjectFact(name, match[1], match[2] or "", Presence.parse(presence), bool(transient))


def _attribute(text: str) -> AttributeFact:
    name, fc, kind, presence, *triggers = text.split()
    return AttributeFact(name, fc, kind, Presence.parse(presence), frozenset(triggers))


def _part(text: str) -> PartFact:
    name, kind, presence = text.split()
    return PartFact(name, kind, Presence.parse(presence))
