"""Requests of every abstract service, as a provider would make them: to ask the judge beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from iec61850_model.check.constraint import constraint_of
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
    ObjectClass,
    ObjectName,
    ObjectScope,
    Pdu,
    ReadJournalRequest,
    ReadRequest,
    RequestService,
    VariableList,
    VariableListName,
    WriteRequest,
)
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.values import EntryTime, FunctionalConstraint, Timestamp

FC = FunctionalConstraint
ALONE = frozenset({"Associate", "Release", "CancelRequest", "GetServerDirectory"})
"""Services that name nothing in the model."""


def request_for(service: str, reference: str, at: float | None = None) -> Pdu:
    """The request of an abstract service, called as in the audit, on a reference.

    ``reference`` is ``LD/LN.DO.DA[FC]``; without ``[FC]`` the one the service is about, of values that of the
    object in the standard's tables; for data sets and
    logs ``LD/LN.Name`` or ``@Name``; for CreateDataSet the name, or with ``[FC]`` a member of an own one.
    ``at``: a command for later, seconds since 1970 UTC. Raises InvalidReference if the service needs another
    one, KeyError for no such service, ValueError for a time no time stamp can hold.
    """
    make = _MAKERS[service]
    if service not in ALONE and not reference:
        raise InvalidReference(f"{service} is about something in the model: name it, e.g. MET/MMXU1.TotW")
    made = make(reference, at)
    return made if isinstance(made, (InitiateRequest, ConcludeRequest, CancelRequest)) else _confirmed(made)


def _confirmed(service: RequestService) -> Pdu:
    return ConfirmedRequest(1, service)


def _object(reference: str, fc: FunctionalConstraint | None, *below: str) -> ObjectName:
    parsed = Reference.parse(reference)
    if not parsed.ln:
        raise InvalidReference(f"{reference} is a whole logical device: name a node or an object in it")
    if below and parsed.path[-1:] == below:
        below = ()
    full = Reference(parsed.ld, parsed.ln, (*parsed.path, *below), parsed.fc or fc)
    return ObjectName(full.item_id, full.ld)


def _list(reference: str) -> ObjectName:
    if reference.startswith("@"):
        return ObjectName(reference, aa_specific=True)
    parsed = Reference.parse(reference)
    if len(parsed.path) != 1:
        raise InvalidReference(f"{reference} is no data set or log: write LD/LN.Name or @Name")
    return ObjectName(f"{parsed.ln}${parsed.path[0]}", parsed.ld)


def _read(fc: FunctionalConstraint, *below: str) -> _Maker:
    return lambda reference, _: ReadRequest(VariableList((_object(reference, fc, *below),)))


def _values(reference: str, _: float | None) -> RequestService:
    return ReadRequest(VariableList((_object(reference, _usual(reference)),)))


def _usual(reference: str) -> FunctionalConstraint:
    """What is in no table of the standard is a status."""
    return constraint_of(Reference.parse(reference)) or FC.ST


def _write(fc: FunctionalConstraint) -> _Maker:
    value = (Data("boolean", True),)
    return lambda reference, _: WriteRequest(VariableList((_object(reference, fc),)), value)


def _command(name: str) -> _Maker:
    def make(reference: str, at: float | None) -> RequestService:
        oper_tm = Data("utc-time", Timestamp.from_unix(at or 0.0))
        value = Data("structure", (Data("boolean", True), oper_tm))
        return WriteRequest(VariableList((_object(reference, FC.CO, name),)), (value,))

    return make


def _definition(reference: str, _: float | None) -> RequestService:
    parsed = Reference.parse(reference)
    name = ObjectName(parsed.item_id, parsed.ld)
    if parsed.path and parsed.fc is None:
        name = _object(reference, _usual(reference))
    return GetVariableAccessAttributesRequest(name)


def _device(reference: str, _: float | None) -> RequestService:
    ld = Reference.parse(reference).ld
    return GetNameListRequest(ObjectClass.NAMED_VARIABLE, ObjectScope.DOMAIN, ld)


def _new_data_set(reference: str, _: float | None) -> RequestService:
    """With an FC it is a member of an own data set, else the name of one that all see."""
    if not reference.endswith("]"):
        name = _list(reference)
        if name.aa_specific:
            raise InvalidReference("an own data set is judged by its members: name one, LD/LN.DO[FC]")
        return DefineNamedVariableListRequest(name, (ObjectName("LLN0$ST$Mod", name.domain),))
    member = _object(reference, None)
    return DefineNamedVariableListRequest(ObjectName("@own", aa_specific=True), (member,))


_Made = RequestService | InitiateRequest | ConcludeRequest | CancelRequest
_Maker = Callable[[str, float | None], _Made]

_EVERY_DOMAIN = GetNameListRequest(ObjectClass.DOMAIN, ObjectScope.VMD)
_START = (EntryTime(0, 0), bytes(8))
_MAKERS: Mapping[str, _Maker] = {
    "Associate": lambda *_: InitiateRequest(),
    "Release": lambda *_: ConcludeRequest(),
    "CancelRequest": lambda *_: CancelRequest(1),
    "GetServerDirectory": lambda *_: _EVERY_DOMAIN,
    "GetLogicalDeviceDirectory": _device,
    "GetDataDefinition": _definition,
    "GetDataValues": _values,
    "SetDataValues": _write(FC.SP),
    "Select": _read(FC.CO, "SBO"),
    "SelectWithValue": _command("SBOw"),
    "Operate": _command("Oper"),
    "Cancel": _command("Cancel"),
    "GetBRCBValues": _read(FC.BR),
    "SetBRCBValues": _write(FC.BR),
    "GetURCBValues": _read(FC.RP),
    "SetURCBValues": _write(FC.RP),
    "GetLCBValues": _read(FC.LG),
    "SetLCBValues": _write(FC.LG),
    "GetDataSetValues": lambda reference, _: ReadRequest(VariableListName(_list(reference))),
    "SetDataSetValues": lambda reference, _: WriteRequest(
        VariableListName(_list(reference)), (Data("boolean", True),)
    ),
    "GetDataSetDirectory": lambda reference, _: GetNamedVariableListAttributesRequest(_list(reference)),
    "CreateDataSet": _new_data_set,
    "DeleteDataSet": lambda reference, _: DeleteNamedVariableListRequest((_list(reference),)),
    "QueryLogByTime": lambda reference, _: ReadJournalRequest(_list(reference)),
    "QueryLogAfter": lambda reference, _: ReadJournalRequest(_list(reference), after=_START),
}
SERVICES = tuple(_MAKERS)
"""Every service a router has a name for (hub/wording.py)."""
