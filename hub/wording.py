"""What a request is called in the audit: its abstract service, what it names, a command's value and time."""

from __future__ import annotations

from collections.abc import Sequence

from hub.names import shown, shown_list
from iec61850_model.control_parts import control_parts
from iec61850_model.mms.pdu import (
    AccessSpecification,
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
    ObjectClass,
    ObjectName,
    Pdu,
    ReadJournalRequest,
    ReadRequest,
    VariableList,
    VariableListName,
    WriteRequest,
)
from iec61850_model.values import Timestamp

STEERING = frozenset(
    {
        *("Operate", "Select", "SelectWithValue", "Cancel", "SetDataValues", "SetDataSetValues"),
        *("SetBRCBValues", "SetURCBValues", "SetLCBValues", "CreateDataSet", "DeleteDataSet"),
    }
)
"""Services that change something in a box, so they go into the audit."""
_CONTROL_SERVICES = {"Oper": "Operate", "SBOw": "SelectWithValue", "Cancel": "Cancel"}
"""Abstract service of a write to this name; the first one found names a PDU that holds several."""
_BLOCKS = {"BR": "BRCB", "RP": "URCB", "LG": "LCB"}
"""Control blocks by their functional constraint."""


def describe(pdu: Pdu) -> tuple[str, tuple[str, ...], str]:
    """The abstract service of a request, the references it names, and a command's value and time."""
    match pdu:
        case ConfirmedRequest(_, ReadRequest(VariableList(names))):
            return _reading(names), tuple(map(shown, names)), ""
        case ConfirmedRequest(_, WriteRequest(variables, data)):
            return _describe_write(variables, data)
        case InitiateRequest():
            return "Associate", (), ""
        case ConcludeRequest():
            return "Release", (), ""
        case CancelRequest():
            return "CancelRequest", (), ""
        case ConfirmedRequest(_, GetNameListRequest() as request):
            if request.object_class is ObjectClass.DOMAIN:
                return "GetServerDirectory", (), ""
            return "GetLogicalDeviceDirectory", (request.domain or "",), ""
        case ConfirmedRequest(_, GetVariableAccessAttributesRequest(name)):
            return "GetDataDefinition", (shown(name),), ""
        case ConfirmedRequest(_, ReadRequest(VariableListName(name))):
            return "GetDataSetValues", (shown_list(name),), ""
        case ConfirmedRequest(_, GetNamedVariableListAttributesRequest(name)):
            return "GetDataSetDirectory", (shown_list(name),), ""
        case ConfirmedRequest(_, DefineNamedVariableListRequest(name, members)):
            return "CreateDataSet", (shown_list(name), *map(shown, members)), ""
        case ConfirmedRequest(_, DeleteNamedVariableListRequest(names)):
            return "DeleteDataSet", tuple(map(shown_list, names)), ""
        case ConfirmedRequest(_, ReadJournalRequest(name) as query):
            service = "QueryLogByTime" if query.after is None else "QueryLogAfter"
            return service, (shown_list(name),), ""
        case ConfirmedRequest(_, service):
            return type(service).__name__.removesuffix("Request"), (), ""
    return type(pdu).__name__, (), ""


def _reading(names: Sequence[ObjectName]) -> str:
    if any("$CO$" in name.item and name.item.endswith("$SBO") for name in names):
        return "Select"
    block = _block_of(names)
    return f"Get{block}Values" if block else "GetDataValues"


def _describe_write(variables: AccessSpecification, data: Sequence[Data]) -> tuple[str, tuple[str, ...], str]:
    if isinstance(variables, VariableListName):
        return "SetDataSetValues", (shown_list(variables.name),), ""
    names = variables.names
    last = [name.item.rpartition("$")[2] for name in names]
    block = _block_of(names)
    plain = f"Set{block}Values" if block else "SetDataValues"
    service = next((_CONTROL_SERVICES[one] for one in _CONTROL_SERVICES if one in last), plain)
    commands = [
        describe_command(value) for one, value in zip(last, data, strict=False) if one in _CONTROL_SERVICES
    ]
    return service, tuple(map(shown, names)), "; ".join(filter(None, commands))


def _block_of(names: Sequence[ObjectName]) -> str:
    """What kind of control block the first name belongs to, if to any."""
    parts = names[0].item.split("$", 2) if names else ()
    return _BLOCKS.get(parts[1], "") if len(parts) > 2 else ""


COMMAND_PARTS = 3
"""Parts of a command that tell who commands what and for when: ctlVal, operTm if it has one, origin."""
TEST = Data("boolean", True)
"""Test stands so among the parts of a command, but seldom: all of them are read if anything looks like it."""


def describe_command(value: Data) -> str:
    """Value and time of a control structure; empty for anything else."""
    parts = value.value
    if not isinstance(parts, tuple) or not parts or not isinstance(parts[0], Data):
        return ""
    first = parts[0].value
    while isinstance(first, tuple) and first and isinstance(first[0], Data):
        first = first[0].value
    at = time_of(value)
    said = control_parts(value) if TEST in parts[1:] else None
    test = " Test" if said is not None and said.test else ""
    return f"ctlVal={first!r:.40}" + (f" operTm={at.iso}" if at else "") + test


def time_of(data: Data) -> Timestamp | None:
    """operTm of a control structure, if it has one and it is not zero."""
    parts = data.value
    if data.tag != "structure" or not isinstance(parts, tuple) or len(parts) < 2:
        return None
    second = parts[1]
    if isinstance(second, Data) and isinstance(second.value, Timestamp) and not second.value.is_zero:
        return second.value
    return None


def originator_of(data: Data) -> int | None:
    """orCat of a control structure: origin stands after ctlVal, or after operTm; None if there is none."""
    parts = data.value
    if data.tag != "structure" or not isinstance(parts, tuple):
        return None
    for part in parts[1:COMMAND_PARTS]:
        if not isinstance(part, Data) or part.tag == "utc-time":
            continue
        inside = part.value if part.tag == "structure" else ()
        first = inside[0] if isinstance(inside, tuple) and inside else None
        return first.value if isinstance(first, Data) and isinstance(first.value, int) else None
    return None
