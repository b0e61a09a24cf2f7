"""What a server says about a command by itself: LastApplError and the terminations (8-2, 20.6 to 20.8)."""

from __future__ import annotations

from iec61850_model.mms.pdu import (
    Data,
    DataAccessError,
    InformationReport,
    ObjectName,
    Payload,
    Unconfirmed,
    VariableList,
)
from iec61850_model.server.control.command import Client, Command, Service
from iec61850_model.server.effects import Send
from iec61850_model.values import AddCause, ControlError, FunctionalConstraint

LAST_APPL_ERROR = ObjectName("LastApplError")
_ACCESS_ERROR = {
    AddCause.BLOCKED_BY_PROCESS: DataAccessError.HARDWARE_FAULT,
    AddCause.NO_ACCESS_AUTHORITY: DataAccessError.OBJECT_ACCESS_DENIED,
    AddCause.NOT_SUPPORTED: DataAccessError.OBJECT_ACCESS_DENIED,
    AddCause.BLOCKED_BY_MODE: DataAccessError.OBJECT_ACCESS_DENIED,
    AddCause.BLOCKED_BY_SWITCHING_HIERARCHY: DataAccessError.OBJECT_ACCESS_DENIED,
    AddCause.OBJECT_NOT_SELECTED: DataAccessError.OBJECT_ACCESS_DENIED,
}
"""Write failure that goes with an AddCause (8-2 Table 72); all others are temporarily-unavailable."""


def access_error(cause: AddCause) -> DataAccessError:
    """The write failure that goes with an AddCause."""
    return _ACCESS_ERROR.get(cause, DataAccessError.TEMPORARILY_UNAVAILABLE)


def last_appl_error(client: Client, command: Command, cause: AddCause) -> Send:
    """LastApplError alone: it goes before the failed write."""
    report = InformationReport(VariableList((LAST_APPL_ERROR,)), (_error(command, cause),))
    return _send(client, report)


def termination(
    client: Client, command: Command, cause: AddCause | None = None, *, timed: bool = False
) -> Send:
    """CommandTermination, or with ``timed`` TimeActivatedOperateTermination, which has operTm as commanded.

    Positive without a cause: the Oper structure alone. Negative: LastApplError, then Oper.
    """
    control = command.reference.with_fc(FunctionalConstraint.CO)
    oper = ObjectName(control.child(Service.OPERATE).item_id, control.ld)
    said = command.given if timed else command.at_once
    if cause is None:
        return _send(client, InformationReport(VariableList((oper,)), (said,)))
    names = VariableList((LAST_APPL_ERROR, oper))
    return _send(client, InformationReport(names, (_error(command, cause), said)))


def _error(command: Command, cause: AddCause) -> Data:
    """CntrlObj, Error, Origin, ctlNum, AddCause."""
    control = command.reference.with_fc(FunctionalConstraint.CO)
    origin = (Data("integer", int(command.or_cat)), Data("octet-string", command.or_ident))
    parts = (
        Data("visible-string", f"{control.ld}/{control.item_id}"),
        Data("integer", int(ControlError.UNKNOWN)),
        Data("structure", origin),
        Data("unsigned", command.number),
        Data("integer", int(cause)),
    )
    return Data("structure", parts)


def _send(client: Client, report: InformationReport) -> Send:
    return Send(client.peer, Payload(Unconfirmed(report), client.association))
