"""Basic types, structures and arrays of attributes (7-2, 7-3)."""

from __future__ import annotations

from collections.abc import Iterator

from iec61850_model.check.document import Document, line
from iec61850_model.check.expectations import ANY_ENUMERATION, Expectation, expectations
from iec61850_model.check.finding import Finding, Severity
from iec61850_model.check.tables import tables

_ENUMERATION = "Kind"
"""How the names of the enumerations of the standard end."""


def attribute_types(document: Document) -> Iterator[Finding]:
    """Each attribute and part has the bType of the standard, and is an array where it is one."""
    for one in expectations(document, tables()):
        wanted = b_type(one)
        found = one.element.get("bType")
        if found is not None and found != wanted:
            kind = f" {one.type}" if wanted in ("Enum", "Struct") and one.type != ANY_ENUMERATION else ""
            yield Finding(
                line(one.element),
                Severity.ERROR,
                "attribute-types",
                one.place,
                f"its bType is {found}, the standard has {wanted}{kind}",
                f'write bType="{wanted}"',
            )
        elif one.many != (one.element.get("count", "0") != "0"):
            yield Finding(
                line(one.element),
                Severity.ERROR,
                "attribute-types",
                one.place,
                f"it is {'' if one.many else 'not '}an array in the standard",
                "add count with the number of its elements" if one.many else "remove count",
            )


def b_type(one: Expectation) -> str:
    """SCL's bType of what the standard expects."""
    if one.type == ANY_ENUMERATION or one.type.endswith(_ENUMERATION):
        return "Enum"
    return "Struct" if one.type in tables().structures else one.type
