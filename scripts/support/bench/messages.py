"""The messages that are measured: what a provider and a box of the shipped model really say."""

from __future__ import annotations

from iec61850_model.mms.pdu import (
    ConfirmedRequest,
    ConfirmedResponse,
    Data,
    InformationReport,
    ObjectName,
    Payload,
    ReadRequest,
    ReadResponse,
    Unconfirmed,
    VariableList,
    VariableListName,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.values import EntryTime, OrCat, Timestamp

REPORTED = 20
"""Quantities of one report: what a box measures every 5 minutes (DESIGN section 6)."""

_T = Timestamp.from_unix(1_764_000_000.25)
_GOOD = Data("bit-string", "0" * 13)


def _measured(value: float) -> Data:
    return Data("structure", (Data("floating-point", value),))


def read_request() -> Payload:
    """GetDataValues of the electrical power."""
    name = ObjectName("MMXU1$MX$TotW", "MET")
    return Payload(ConfirmedRequest(7, ReadRequest(VariableList((name,)))), "1:1")


def read_response() -> Payload:
    """The power with its quality and time."""
    value = Data("structure", (_measured(1234.5), _GOOD, Data("utc-time", _T)))
    return Payload(ConfirmedResponse(7, ReadResponse((value,))), "1:1")


def operate_request(now: float) -> Payload:
    """Operate of the EVU block, with origin, control number and time ``now`` (seconds since 1970 UTC)."""
    origin = Data("structure", (Data("integer", OrCat.REMOTE_CONTROL), Data("octet-string", b"bench")))
    command = Data(
        "structure",
        (
            Data("boolean", True),
            Data("utc-time", Timestamp(0, 0, 0)),
            origin,
            Data("unsigned", 1),
            Data("utc-time", Timestamp.from_unix(now)),
            Data("boolean", False),
            Data("bit-string", "00"),
        ),
    )
    name = ObjectName("EvuGGIO1$CO$SPCSO1$Oper", "HP")
    return Payload(ConfirmedRequest(8, WriteRequest(VariableList((name,)), (command,))), "1:1")


def operate_response() -> Payload:
    """Done."""
    return Payload(ConfirmedResponse(8, WriteResponse((None,))), "1:1")


def report() -> Payload:
    """A report of REPORTED quantities, each with value and quality, and one time for all."""
    values = tuple(Data("structure", (_measured(20.0 + number), _GOOD)) for number in range(REPORTED))
    head = (
        Data("visible-string", "AVG/LLN0$BR$brcbAvg01"),
        Data("bit-string", "0111110110"),
        Data("unsigned", 42),
        Data("binary-time", EntryTime(43_200_000, 15_000)),
        Data("visible-string", "AVG/LLN0$dsAvg"),
        Data("boolean", False),
        Data("octet-string", bytes(8)),
        Data("unsigned", 1),
        Data("bit-string", "1" * (REPORTED + 1)),
    )
    shared_time = Data("utc-time", _T)
    name = VariableListName(ObjectName("RPT"))
    return Payload(Unconfirmed(InformationReport(name, (*head, *values, shared_time))), "1:1")
