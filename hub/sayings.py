"""What a box says by itself: reports, and what becomes of commands; what of it is for whom, and the audit."""

from __future__ import annotations

from typing import NamedTuple

from hub.names import shown, variable
from hub.needs import Need
from hub.roster import Right
from hub.schedule_slots import SCHEDULE_DEVICE, slot_of
from hub.wording import describe_command, time_of
from iec61850_model.mms.pdu import (
    AccessResult,
    ConfirmedError,
    ConfirmedResponse,
    Data,
    DefineNamedVariableListResponse,
    DeleteNamedVariableListResponse,
    InformationReport,
    ObjectName,
    Pdu,
    ReadResponse,
    Reject,
    Unconfirmed,
    VariableList,
    WriteResponse,
)
from iec61850_model.reference import Reference
from iec61850_model.values import AddCause, FunctionalConstraint

LAST_APPL_ERROR = ObjectName("LastApplError")
NOT_SELECTED = "empty: if this was a select, it was refused"
REPORT = "Report"
LAST_ERROR = "LastApplError"
_READING = Need(Right.READ)
_COMMANDING = Need(Right.CONTROL)


class Saying(NamedTuple):
    """What a PDU of a box needs of who is to hear it, and what the audit is told of it (nothing if empty)."""

    need: Need | None = None
    result: str = ""
    service: str = ""
    references: tuple[str, ...] = ()


def saying(pdu: Pdu) -> Saying:
    """Answers are for who asked. Reports are for who may read, what becomes of a command for who may
    command its object."""
    if not isinstance(pdu, Unconfirmed):
        return Saying(result=_result(pdu))
    match pdu.service:
        case InformationReport(VariableList((name,)), results) if name == LAST_APPL_ERROR:
            return _error(results[0] if results else None)
        case InformationReport(VariableList((name,)), (Data() as oper,)) if _is_oper(name):
            return _termination(name, oper, "done")
        case InformationReport(VariableList((first, name)), (error, Data() as oper)) if (
            first == LAST_APPL_ERROR and _is_oper(name)
        ):
            return _termination(name, oper, _add_cause(error))
    return Saying(_READING, service=REPORT)


def _result(pdu: Pdu) -> str:
    """What an answer says of a steering request, for the audit; empty for answers to reading."""
    match pdu:
        case ConfirmedResponse(_, WriteResponse(results)):
            return ", ".join("done" if one is None else one.text for one in results) or "done"
        case ConfirmedResponse(_, ReadResponse((Data("visible-string", str(text)),))):
            return _selected(text)
        case ConfirmedResponse(_, DefineNamedVariableListResponse()):
            return "done"
        case ConfirmedResponse(_, DeleteNamedVariableListResponse(matched, deleted)):
            return f"{deleted} of {matched} deleted"
        case ConfirmedError(_, mms_error):
            return mms_error.text
        case Reject(reason):
            return f"rejected: {reason.name.lower().replace('_', '-')}"
    return ""


def _selected(text: str) -> str:
    """A select is answered by the object's own reference, or by an empty text. The router keeps nothing of
    requests, so the rare read of another empty text is noted too."""
    if not text:
        return NOT_SELECTED
    parsed = _reference(text)
    selected = parsed is not None and parsed.fc is FunctionalConstraint.CO and parsed.path[-1:] == ("SBO",)
    return "done" if selected else ""


def _error(error: AccessResult | None) -> Saying:
    parts = error.value if isinstance(error, Data) and isinstance(error.value, tuple) else ()
    control = parts[0].value if parts and isinstance(parts[0], Data) else None
    target = _reference(control) if isinstance(control, str) else None
    return Saying(
        _command_need(target),
        f"{LAST_ERROR}: {_add_cause(error)}",
        LAST_ERROR,
        () if target is None else (str(target),),
    )


def _termination(name: ObjectName, oper: Data, end: str) -> Saying:
    parsed = variable(name.domain or "", name.item)
    target = None if parsed is None else parsed[0]
    service = "CommandTermination" if time_of(oper) is None else "TimeActivatedOperateTermination"
    return Saying(_command_need(target), f"{describe_command(oper)}: {end}", service, (shown(name),))


def _command_need(target: Reference | None) -> Need:
    """Who may command the object a LastApplError or a termination is about."""
    if target is None:
        return _COMMANDING
    path = target.path[:-1] if target.path[-1:] == ("Oper",) else target.path
    commanded = Reference(target.ld, target.ln, path)
    if target.ld == SCHEDULE_DEVICE:
        return Need(Right.SCHEDULE, commanded, slot=slot_of(target))
    return Need(Right.CONTROL, commanded)


def _is_oper(name: ObjectName) -> bool:
    return name.domain is not None and name.item.endswith("$Oper")


def _reference(text: str) -> Reference | None:
    """A reference as the wire writes it: ``LD/LN$FC$DO``."""
    domain, _, item = text.partition("/")
    parsed = variable(domain, item)
    return None if parsed is None else parsed[0]


def _add_cause(error: AccessResult | None) -> str:
    """AddCause stands last in LastApplError (8-2, 20.8)."""
    parts = error.value if isinstance(error, Data) else ()
    last = parts[-1] if isinstance(parts, tuple) and parts else None
    if not isinstance(last, Data) or last.tag != "integer" or not isinstance(last.value, int):
        return "unreadable"
    known = last.value in set(AddCause)
    return f"AddCause {last.value}" + (f" ({AddCause(last.value).text})" if known else "")
