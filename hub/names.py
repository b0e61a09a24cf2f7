"""MMS names as references: a router sees the same few thousand again and again."""

from __future__ import annotations

from functools import lru_cache

from iec61850_model.mms.pdu import ObjectName
from iec61850_model.reference import InvalidReference, Reference

KNOWN_NAMES = 4_096
"""Names kept in their parts: a box has some 1,500, and all boxes the same ones."""


@lru_cache(maxsize=KNOWN_NAMES)
def variable(domain: str, item: str) -> tuple[Reference, str] | None:
    """The name of a variable as reference, and that as text; None if it is none."""
    try:
        reference = Reference.from_mms(domain, item)
    except InvalidReference:
        return None
    return reference, str(reference)


@lru_cache(maxsize=KNOWN_NAMES)
def named_list(domain: str, item: str) -> Reference | None:
    """The name ``LN$Name`` of a data set or log as reference ``LD/LN.Name``; None if it is none."""
    ln, _, name = item.partition("$")
    try:
        if "$" in name or not name:
            return None
        return Reference(
            Reference.from_mms(domain).ld, Reference.from_mms(ln).ld, (Reference.from_mms(name).ld,)
        )
    except InvalidReference:
        return None


def shown(name: ObjectName) -> str:
    """The name of a variable for the audit."""
    parsed = variable(name.domain or "", name.item)
    return f"{name.domain or ''}/{name.item}" if parsed is None else parsed[1]


def shown_list(name: ObjectName) -> str:
    """The name of a data set or log for the audit."""
    if name.aa_specific:
        return f"@{name.item.removeprefix('@')}"
    found = named_list(name.domain or "", name.item)
    return f"{name.domain or ''}/{name.item}" if found is None else str(found)
