"""The functional constraint under which an object is usually read, from the tables of the standard."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from iec61850_model.check.tables import AttributeFact, NodeFact, tables
from iec61850_model.reference import Reference
from iec61850_model.values import FunctionalConstraint

_CLASS = re.compile(r"([A-Z]{4}|LLN0)\d*$")
"""A logical node's class within its name: prefix, class, instance (7-2, 22.2)."""
_INSIDE = "SDO"
_MAY_BE_ABSENT = frozenset({"O", "MFsubst"})
_OUTSIDE_GROUPS = {"SE": FunctionalConstraint.SP}
"""The tables have a setting as one in a setting group, which a box of ours has none of."""


def constraint_of(reference: Reference) -> FunctionalConstraint | None:
    """That of the attribute named, or of a data object's value: of what its common data class lists first of
    what is not optional (7-3).

    None: no such class, object or attribute is in the tables, or a node alone is named.
    """
    found = _CLASS.search(reference.ln)
    node = tables().nodes.get(found[1]) if found else None
    if node is None or not reference.path:
        return None
    cdc = _cdc_of(node, reference.path[0])
    return _within(cdc, reference.path[1:]) if cdc else None


def _cdc_of(node: NodeFact, name: str) -> str:
    fact = node.objects.get(name)
    if fact is None:
        fact = node.objects.get(name.rstrip("0123456789"))
        fact = fact if fact is not None and fact.presence.many else None
    return fact.cdc if fact else ""


def _within(cdc: str, path: Sequence[str]) -> FunctionalConstraint | None:
    attributes: Mapping[str, AttributeFact] = tables().cdcs.get(cdc, {})
    value = (fact for fact in attributes.values() if fact.presence.word not in _MAY_BE_ABSENT)
    fact = attributes.get(path[0]) if path else next(value, None)
    if fact is None:
        return None
    if fact.fc == _INSIDE:
        return _within(fact.type, path[1:])
    return _OUTSIDE_GROUPS.get(fact.fc) or FunctionalConstraint(fact.fc)
