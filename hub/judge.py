"""The decision: may this PDU pass under these grants? A pure function (DESIGN section 4).

What is not listed here is denied. A PDU is judged whole: everything it touches must be covered.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from hub.roster import Grant, Right
from iec61850_model.mms.pdu import (
    CancelRequest,
    ConcludeRequest,
    ConfirmedRequest,
    Data,
    GetNameListRequest,
    GetVariableAccessAttributesRequest,
    InitiateRequest,
    ObjectClass,
    ObjectName,
    ObjectScope,
    Pdu,
    ReadRequest,
    UnknownService,
    VariableList,
    WriteRequest,
)
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.values import FunctionalConstraint, Timestamp

KNOWN_NAMES = 4_096
"""Names kept in their parts: a box has some 1,500, and all boxes the same ones."""
SCHEDULE_DEVICE = "SCH"
"""Logical device of the schedules: only the right ``schedule`` changes anything in it (DESIGN section 4)."""

FC = FunctionalConstraint
READABLE = frozenset({FC.ST, FC.MX, FC.CF, FC.DC, FC.EX, FC.SP, FC.SG})
SETTABLE = frozenset({FC.SP, FC.CF, FC.SV, FC.BL, FC.SE})
CONTROLS = frozenset({"Oper", "SBOw", "Cancel"})


class Need(NamedTuple):
    """One thing a PDU asks for: a right on a reference, at a time if it is a command for later.

    ``reference`` None: not bound to a place in the model. ``partly``: a grant for something inside is enough,
    for directories tell what is there and not what it holds.
    """

    right: Right | None
    reference: Reference | None = None
    partly: bool = False
    at: float | None = None


class Judgement(NamedTuple):
    """What the decision was, and for the audit what it was about."""

    allowed: bool
    service: str
    references: tuple[str, ...] = ()
    reason: str = ""
    detail: str = ""

    @property
    def steers(self) -> bool:
        """The request changes something in a box, so it goes into the audit."""
        return self.service in STEERING


STEERING = frozenset({"Operate", "Select", "SelectWithValue", "Cancel", "SetDataValues"})
_CONTROL_SERVICES = {"Oper": "Operate", "SBOw": "SelectWithValue", "Cancel": "Cancel"}
"""Abstract service of a write to this name; the first one found names a PDU that holds several."""


class _Unlisted(Exception):
    """The PDU asks for something no right lets through."""


def judge(pdu: Pdu, grants: Sequence[Grant], now: float) -> Judgement:
    """Decide on a request of a provider that holds these live grants."""
    service, references, detail = describe(pdu)
    try:
        needs = _needs(pdu)
        if not needs:
            raise _Unlisted("it asks for nothing")
    except _Unlisted as unlisted:
        return Judgement(False, service, references, str(unlisted), detail)
    for need in needs:
        for grant in grants:
            if _covers(grant, need, now):
                break
        else:
            return Judgement(False, service, references, _reason(need), detail)
    return Judgement(True, service, references, detail=detail)


def describe(pdu: Pdu) -> tuple[str, tuple[str, ...], str]:
    """The abstract service of a request, the references it names, and a command's value and time."""
    match pdu:
        case ConfirmedRequest(_, ReadRequest(VariableList(names))):
            selects = any(name.item.endswith("$SBO") for name in names)
            service = "Select" if selects else "GetDataValues"
            return service, tuple(map(_shown, names)), ""
        case ConfirmedRequest(_, WriteRequest(VariableList(names), data)):
            return _describe_write(names, data)
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
            return "GetDataDefinition", (_shown(name),), ""
        case ConfirmedRequest(_, service):
            return type(service).__name__.removesuffix("Request"), (), ""
    return type(pdu).__name__, (), ""


def _describe_write(names: Sequence[ObjectName], data: Sequence[Data]) -> tuple[str, tuple[str, ...], str]:
    last = [name.item.rpartition("$")[2] for name in names]
    service = next((_CONTROL_SERVICES[one] for one in _CONTROL_SERVICES if one in last), "SetDataValues")
    commands = [
        _describe_command(value) for one, value in zip(last, data, strict=False) if one in _CONTROL_SERVICES
    ]
    return service, tuple(map(_shown, names)), "; ".join(filter(None, commands))


def _describe_command(value: Data) -> str:
    parts = value.value
    if not isinstance(parts, tuple) or not parts or not isinstance(parts[0], Data):
        return ""
    shown = parts[0].value
    while isinstance(shown, tuple) and shown and isinstance(shown[0], Data):
        shown = shown[0].value
    at = _time_of(value)
    return f"ctlVal={shown!r:.40}" + (f" operTm={at.iso}" if at else "")


def _shown(name: ObjectName) -> str:
    parsed = _parsed(name.domain or "", name.item)
    return f"{name.domain or ''}/{name.item}" if parsed is None else parsed[1]


@lru_cache(maxsize=KNOWN_NAMES)
def _parsed(domain: str, item: str) -> tuple[Reference, str] | None:
    """A name as reference, and that as text; None if it is none."""
    try:
        reference = Reference.from_mms(domain, item)
    except InvalidReference:
        return None
    return reference, str(reference)


# --- what a PDU needs -----------------------------------------------------------------------------


def _needs(pdu: Pdu) -> Sequence[Need]:
    match pdu:
        case ConfirmedRequest(_, ReadRequest(VariableList(names))):
            return [_read_need(_reference(name)) for name in names]
        case ConfirmedRequest(_, WriteRequest(VariableList(names), data)):
            if len(names) != len(data):
                raise _Unlisted("a write with as many values as variables is wanted")
            return [_write_need(_reference(name), value) for name, value in zip(names, data, strict=True)]
        case InitiateRequest() | ConcludeRequest() | CancelRequest():
            return [Need(None)]
        case ConfirmedRequest(_, GetNameListRequest() as request):
            return [_name_list_need(request)]
        case ConfirmedRequest(_, GetVariableAccessAttributesRequest(name)):
            return [Need(Right.READ, _reference(name), partly=True)]
        case ConfirmedRequest(_, UnknownService(name)):
            raise _Unlisted(f"no right lets the service {name!a:.40} through")
    raise _Unlisted("no right lets this service through")


def _name_list_need(request: GetNameListRequest) -> Need:
    match request.object_class, request.scope:
        case ObjectClass.DOMAIN, ObjectScope.VMD:
            return Need(Right.READ)
        case (
            (ObjectClass.NAMED_VARIABLE | ObjectClass.NAMED_VARIABLE_LIST | ObjectClass.JOURNAL),
            ObjectScope.DOMAIN,
        ):
            try:
                return Need(Right.READ, Reference.from_mms(request.domain or ""), partly=True)
            except InvalidReference:
                raise _Unlisted("not the name of a logical device") from None
    raise _Unlisted("no right lets this directory through")


def _read_need(reference: Reference) -> Need:
    if reference.fc in READABLE:
        return Need(Right.READ, reference)
    if reference.fc is FC.CO and reference.path[-1:] == ("SBO",):
        return _control_need(reference, None)
    raise _Unlisted(f"no right lets reading {reference} through")


def _write_need(reference: Reference, data: Data) -> Need:
    if reference.fc is FC.CO and reference.path and reference.path[-1] in CONTROLS:
        # A cancel repeats the operTm of the command it ends; it does nothing at that time.
        at = _time_of(data) if reference.path[-1] != "Cancel" else None
        return _control_need(reference, at.unix if at else None)
    if reference.fc in SETTABLE:
        if reference.ld == SCHEDULE_DEVICE:
            raise _Unlisted("schedules are not changed by the right settings")
        return Need(Right.SETTINGS, reference)
    raise _Unlisted(f"no right lets writing {reference} through")


def _control_need(reference: Reference, at: float | None) -> Need:
    if reference.ld == SCHEDULE_DEVICE:
        raise _Unlisted("schedules are not steered by the right control")
    return Need(Right.CONTROL, Reference(reference.ld, reference.ln, reference.path[:-1]), at=at)


def _time_of(data: Data) -> Timestamp | None:
    """operTm of a control structure, if it has one and it is not zero."""
    parts = data.value
    if data.tag != "structure" or not isinstance(parts, tuple) or len(parts) < 2:
        return None
    second = parts[1]
    if isinstance(second, Data) and isinstance(second.value, Timestamp) and not second.value.is_zero:
        return second.value
    return None


def _reference(name: ObjectName) -> Reference:
    if name.domain is None:
        raise _Unlisted("only names in a logical device are let through")
    parsed = _parsed(name.domain, name.item)
    if parsed is None:
        raise _Unlisted("not a reference")
    return parsed[0]


# --- what a grant covers --------------------------------------------------------------------------


def _covers(grant: Grant, need: Need, now: float) -> bool:
    if not grant.live(now) or (need.right is not None and need.right not in grant.rights):
        return False
    if need.at is not None and grant.until is not None and need.at >= grant.until:
        return False
    if not grant.scope or need.reference is None:
        return True
    return any(covers(pattern, need.reference, partly=need.partly) for pattern in grant.scope)


def covers(pattern: str, reference: Reference, *, partly: bool = False) -> bool:
    """A scope pattern (``*``, ``LD/*``, ``LD/LN.*``, ``LD/LN.DO``, ``LD/LN.DO.*``) covers a reference wholly.

    ``partly``: or something below the reference.
    """
    wanted = tuple(pattern.replace("/", ".", 1).split("."))
    if wanted[-1] == "*":
        wanted = wanted[:-1]
    asked = (reference.ld, reference.ln, *reference.path) if reference.ln else (reference.ld,)
    if asked[: len(wanted)] == wanted:
        return True
    return partly and wanted[: len(asked)] == asked


def _reason(need: Need) -> str:
    right = f"right {need.right}" if need.right else "grant"
    where = f" on {need.reference}" if need.reference else ""
    when = " until the commanded time" if need.at is not None else ""
    return f"no {right}{where}{when}"
