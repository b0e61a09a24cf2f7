"""What grants cover, written a second time and on its own, so that the hub's own judgement can be doubted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hub.roster import Grant, Right
from iec61850_model.mms.pdu import (
    CancelRequest,
    ConcludeRequest,
    ConfirmedRequest,
    Data,
    DefineNamedVariableListRequest,
    DeleteNamedVariableListRequest,
    GetNamedVariableListAttributesRequest,
    GetNameListRequest,
    GetVariableAccessAttributesRequest,
    InitiateRequest,
    ObjectName,
    Pdu,
    ReadJournalRequest,
    ReadRequest,
    VariableList,
    VariableListName,
    WriteRequest,
)
from iec61850_model.values import Timestamp

REPORT_BLOCKS = ("BR", "RP")
READABLE = ("ST", "MX", "CF", "DC", "EX", "SP", "SG", "LG", *REPORT_BLOCKS)
SETTABLE = ("SP", "CF", "SV", "BL", "SE", "LG")


def permitted(pdu: Pdu, grants: Sequence[Grant], slots: Mapping[int, int]) -> bool:
    """DESIGN section 4's table, for a request under grants in force; ``slots`` by their keys."""
    if _is_about_schedules(pdu):
        return _permitted_to_schedule(pdu, grants, slots)
    return _permitted(pdu, grants)


def _is_about_schedules(pdu: Pdu) -> bool:
    """It reads, describes or writes something in LD SCH, and perhaps other things too."""
    match pdu:
        case ConfirmedRequest(_, GetVariableAccessAttributesRequest(name)):
            return _slot(name) > 0
        case ConfirmedRequest(_, ReadRequest(VariableList(names)) | WriteRequest(VariableList(names), _)):
            return any(map(_slot, names))
    return False


def _permitted_to_schedule(pdu: Pdu, grants: Sequence[Grant], slots: Mapping[int, int]) -> bool:
    """Each name by itself: of one's own slot what a schedule lets do, else as all."""
    match pdu:
        case ConfirmedRequest(_, GetVariableAccessAttributesRequest(name)):
            path = _path(name)
            owned = [one for one in grants if _owns(one, name, slots) and _touches(one, path[:2] + path[3:])]
            return bool(owned) or _permitted(pdu, grants)
        case ConfirmedRequest(_, ReadRequest(VariableList(names))):
            return all(_may_read(name, grants) or _may_read_own(name, grants, slots) for name in names)
        case ConfirmedRequest(_, WriteRequest(VariableList(names), data)):
            pairs = zip(names, data, strict=False)
            return len(names) == len(data) and all(
                _may_write(*pair, grants) or _may_schedule(*pair, grants, slots) for pair in pairs
            )
    return False


def _slot(name: ObjectName) -> int:
    device, node = _path(name)[:2]
    before, _, number = node.partition("FSCH")
    known = device == "SCH" and before and number in ("1", "2", "3", "4")
    return int(number) if known else 0


def _owns(grant: Grant, name: ObjectName, slots: Mapping[int, int]) -> bool:
    return Right.SCHEDULE in grant.rights and slots.get(grant.key, 0) == _slot(name) != 0


def _may_read_own(name: ObjectName, grants: Sequence[Grant], slots: Mapping[int, int]) -> bool:
    """Read with the right to read what is one's own."""
    path = _path(name)
    owned = [replace(one, rights=frozenset({Right.READ})) for one in grants if _owns(one, name, slots)]
    selects = path[2:3] == ["CO"] and len(path) == 5 and path[3] in ("EnaReq", "DsaReq") and path[4] == "SBO"
    return (selects and _covered(Right.READ, path[:-1], owned)) or _may_read(name, owned)


def _may_schedule(name: ObjectName, value: Data, grants: Sequence[Grant], slots: Mapping[int, int]) -> bool:
    path = _path(name)
    owned = [one for one in grants if _owns(one, name, slots)]
    if path[2:3] == ["SP"] and len(path) > 3 and path[3] != "SchdPrio":
        latest = max(_times(value), default=0.0) if path[3].startswith("StrTm") else 0.0
        return _covered(
            Right.SCHEDULE, path, [one for one in owned if one.until is None or latest < one.until]
        )
    if path[2:3] == ["CO"] and len(path) == 5 and path[3] in ("EnaReq", "DsaReq"):
        as_control = [replace(one, rights=frozenset({Right.CONTROL})) for one in owned]
        elsewhere = ObjectName(name.item, "SCHX")
        scopes = tuple(replace(one, scope=_elsewhere(one.scope)) for one in as_control)
        return _may_write(elsewhere, value, scopes)
    return False


def _elsewhere(scope: tuple[str, ...]) -> tuple[str, ...]:
    """The scope as if the schedules were in a device where commands are the right control's."""
    return tuple(one.replace("SCH/", "SCHX/", 1) if one.startswith("SCH/") else one for one in scope)


def _times(value: Data) -> Sequence[float]:
    if isinstance(value.value, Timestamp):
        return [] if value.value.is_zero else [value.value.unix]
    parts = value.value if isinstance(value.value, tuple) else ()
    return [time for part in parts if isinstance(part, Data) for time in _times(part)]


def _permitted(pdu: Pdu, grants: Sequence[Grant]) -> bool:
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
            selects = [name for name in names if _path(name)[2:3] == ["CO"]]
            return (not selects or len(names) == 1) and all(_may_read(name, grants) for name in names)
        case ConfirmedRequest(_, WriteRequest(VariableList(names), data)):
            pairs = zip(names, data, strict=False)
            return len(names) == len(data) and all(_may_write(*pair, grants) for pair in pairs)
        case ConfirmedRequest(_, WriteRequest(VariableListName(), _)):
            return _without_scope(Right.SETTINGS, grants)
        case ConfirmedRequest(
            _,
            ReadRequest(VariableListName(name))
            | GetNamedVariableListAttributesRequest(name)
            | ReadJournalRequest(name),
        ):
            return _may_use_list(name, grants)
        case ConfirmedRequest(_, DefineNamedVariableListRequest(name, members)):
            return _may_keep_list(name, grants) and all(_may_read(member, grants) for member in members)
        case ConfirmedRequest(_, DeleteNamedVariableListRequest(names)):
            return all(_may_keep_list(name, grants) for name in names)
    return False


def _may_use_list(name: ObjectName, grants: Sequence[Grant]) -> bool:
    """A data set or log of the model passes by its own name, one of the association by the right to read."""
    if name.aa_specific:
        return any(Right.READ in one.rights for one in grants)
    path = _path(name)
    return len(path) == 3 and all(path) and _covered(Right.READ, [*path[:2], "", path[2]], grants)


def _may_keep_list(name: ObjectName, grants: Sequence[Grant]) -> bool:
    """Who makes or deletes what others see is bound to no scope."""
    if not name.aa_specific:
        return _may_use_list(name, grants) and _without_scope(Right.READ, grants)
    return _may_use_list(name, grants)


def _without_scope(right: Right, grants: Sequence[Grant]) -> bool:
    return any(right in one.rights and not one.scope for one in grants)


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
    if path[2] in REPORT_BLOCKS:
        return _covered(Right.READ, path, grants) and _may_set_block(path[3:], value, grants)
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
    return _is_remote(value) and _covered(Right.CONTROL, path[:-1], until)


def _is_remote(command: Data) -> bool:
    """origin follows ctlVal and operTm; remote are remote-control and automatic-remote. One that is not there
    is left to the box."""
    whole = command.value if _is_structure(command) else ()
    parts = [part for part in whole if isinstance(part, Data)] if isinstance(whole, tuple) else []
    origin = parts[2:3] if [one.tag for one in parts[1:2]] == ["utc-time"] else parts[1:2]
    for one in origin:
        inside = one.value
        if _is_structure(one) and isinstance(inside, tuple) and inside and isinstance(inside[0], Data):
            return inside[0].value in (3, 6) or not isinstance(inside[0].value, int)
    return True


def _is_structure(data: Data) -> bool:
    return data.tag == "structure" and isinstance(data.value, tuple)


def _may_set_block(below: Sequence[str], value: Data, grants: Sequence[Grant]) -> bool:
    """A block of reports is set attribute by attribute; whoever chooses its data set may read that."""
    if len(below) != 2:
        return _without_scope(Right.READ, grants)
    if below[1] != "DatSet" or value.value == "":
        return True
    text = str(value.value)
    domain, _, item = text.partition("/")
    own = text.startswith("@")
    return _may_use_list(ObjectName(text, aa_specific=True) if own else ObjectName(item, domain), grants)


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
