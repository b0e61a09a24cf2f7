"""What grants cover, written a second time and on its own, so that the hub's own judgement can be doubted."""

from __future__ import annotations

from collections.abc import Sequence

from hub.roster import Grant, Right
from iec61850_model.mms.pdu import (
    CancelRequest,
    ConcludeRequest,
    ConfirmedRequest,
    Data,
    GetNameListRequest,
    GetVariableAccessAttributesRequest,
    InitiateRequest,
    ObjectName,
    Pdu,
    ReadRequest,
    VariableList,
    WriteRequest,
)
from iec61850_model.values import Timestamp

READABLE = ("ST", "MX", "CF", "DC", "EX", "SP", "SG")
SETTABLE = ("SP", "CF", "SV", "BL", "SE")


def permitted(pdu: Pdu, grants: Sequence[Grant]) -> bool:
    """DESIGN section 4's table, for a request under grants that are in force."""
    match pdu:
        case InitiateRequest() | ConcludeRequest() | CancelRequest():
            return True
        case ConfirmedRequest(_, GetNameListRequest() as listing):
            return any(
                Right.READ in one.rights and (listing.domain is None or _touches(one, [listing.domain]))
                for one in grants
            )
        case ConfirmedRequest(_, GetVariableAccessAttributesRequest(name)):
            path = _path(name)
            return any(Right.READ in one.rights and _touches(one, path[:2] + path[3:]) for one in grants)
        case ConfirmedRequest(_, ReadRequest(VariableList(names))):
            return all(_may_read(name, grants) for name in names)
        case ConfirmedRequest(_, WriteRequest(VariableList(names), data)):
            pairs = zip(names, data, strict=False)
            return len(names) == len(data) and all(_may_write(*pair, grants) for pair in pairs)
    return False


def _path(name: ObjectName) -> list[str]:
    """Device, node, FC, and what is below."""
    return [name.domain or "", *name.item.split("$")]


def _may_read(name: ObjectName, grants: Sequence[Grant]) -> bool:
    path = _path(name)
    if len(path) < 3:
        return False
    if path[2] == "CO":
        return path[-1] == "SBO" and path[0] != "SCH" and _covered(Right.CONTROL, path[:-1], grants)
    return path[2] in READABLE and _covered(Right.READ, path, grants)


def _may_write(name: ObjectName, value: Data, grants: Sequence[Grant]) -> bool:
    path = _path(name)
    if len(path) < 3 or path[0] == "SCH":
        return False
    if path[2] != "CO":
        return path[2] in SETTABLE and _covered(Right.SETTINGS, path, grants)
    if path[-1] not in ("Oper", "SBOw", "Cancel"):
        return False
    parts = value.value
    at = (
        parts[1].value if isinstance(parts, tuple) and len(parts) > 1 and isinstance(parts[1], Data) else None
    )
    later = at.unix if isinstance(at, Timestamp) and path[-1] != "Cancel" else 0.0
    until = [one for one in grants if one.until is None or later < one.until]
    return _covered(Right.CONTROL, path[:-1], until)


def _covered(right: Right, path: Sequence[str], grants: Sequence[Grant]) -> bool:
    below = [*path[:2], *path[3:]]
    return any(
        right in one.rights and (not one.scope or any(below[: len(p)] == p for p in _patterns(one)))
        for one in grants
    )


def _touches(grant: Grant, path: Sequence[str]) -> bool:
    """The grant covers the place or something below it."""
    return not grant.scope or any(
        list(path[: len(p)]) == p or p[: len(path)] == list(path) for p in _patterns(grant)
    )


def _patterns(grant: Grant) -> list[list[str]]:
    return [[part for part in one.replace("/", ".").split(".") if part != "*"] for one in grant.scope]
