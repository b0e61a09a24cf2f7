"""Every way a request can fail has one error and one exit code."""

from __future__ import annotations

import pytest

from iec61850_model.client import (
    AmbiguousReference,
    AssociationRefused,
    BadAnswer,
    ClientError,
    ControlRefused,
    NoSuchObject,
    Rejected,
    UnusableValue,
)
from iec61850_model.mms.pdu import RejectReason
from iec61850_model.mms.xer import MalformedPdu, UnencodableValue
from iec61850_model.reference import InvalidReference
from iec61850_model.values import AddCause, ServiceError
from iec61850_model.xmpp import ConnectionFailed, FailureKind, NotConnected, RequestTimeout, StanzaError
from service_provider.cli.exits import exit_code, printable
from service_provider.errors import (
    CannotConnect,
    HeatPumpOffline,
    HubRefused,
    NoAnswer,
    NoSuchHeatPump,
    NotAllowed,
    of_hub,
    translated,
)


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (StanzaError("item-not-found", "cancel"), NoSuchHeatPump, 3),
        (StanzaError("forbidden", "auth"), NotAllowed, 3),
        (StanzaError("not-allowed", "cancel"), NotAllowed, 3),
        (StanzaError("recipient-unavailable", "wait"), HeatPumpOffline, 4),
        (StanzaError("service-unavailable", "cancel"), HeatPumpOffline, 4),
        (StanzaError("remote-server-not-found", "cancel"), HeatPumpOffline, 4),
        (StanzaError("remote-server-timeout", "wait"), HeatPumpOffline, 4),
        (StanzaError("resource-constraint", "wait"), NoAnswer, 4),
        (StanzaError("bad-request", "modify"), HubRefused, 1),
        (RequestTimeout("x"), NoAnswer, 4),
        (NotConnected("x"), CannotConnect, 4),
        (ConnectionFailed(FailureKind.AUTHENTICATION, "x"), CannotConnect, 4),
        (MalformedPdu("x"), BadAnswer, 1),
        (UnencodableValue("x"), UnusableValue, 2),
    ],
)
def test_what_the_link_says(error: Exception, kind: type[ClientError], code: int) -> None:
    found = translated("hp0001", error)
    assert type(found) is kind
    assert exit_code(found) == code
    assert str(found)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NoSuchObject("x", ServiceError.INSTANCE_NOT_AVAILABLE, "object-non-existent"), 1),
        (ControlRefused("x", ServiceError.ACCESS_VIOLATION, "denied", AddCause.BLOCKED_BY_MODE), 1),
        (Rejected(RejectReason.OTHER), 1),
        (AssociationRefused("x"), 1),
        (AmbiguousReference("x", ()), 2),
        (UnusableValue("x"), 2),
        (InvalidReference("x"), 2),
    ],
)
def test_what_the_device_or_we_say(error: Exception, code: int) -> None:
    assert exit_code(error) == code


def test_nothing_from_outside_acts_on_the_terminal() -> None:
    assert printable("a\x1b[31mb\x07") == "a\ufffd[31mb\ufffd"


def test_what_the_hub_itself_does_not_answer_says_so() -> None:
    assert "the hub did not answer in time" in str(of_hub(RequestTimeout("no answer")))
    assert isinstance(of_hub(NotConnected("cut")), CannotConnect)
    assert isinstance(of_hub(StanzaError("resource-constraint", "wait")), NoAnswer)
