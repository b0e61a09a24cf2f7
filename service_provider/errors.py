"""What a service provider can meet, on top of the device's own refusals: one tree under ``ClientError``."""

from __future__ import annotations

from iec61850_model.client import BadAnswer, ClientError, NoAnswer, UnusableValue
from iec61850_model.mms.xer import MalformedPdu, UnencodableValue
from iec61850_model.xmpp import ConnectionFailed, NotConnected, RequestTimeout, StanzaError

_OFFLINE = (
    "recipient-unavailable",
    "service-unavailable",
    "remote-server-not-found",
    "remote-server-timeout",
    "gone",
)
_NO_RIGHT = ("forbidden", "not-allowed", "not-authorized")
_BUSY = ("resource-constraint",)


class NoSuchHeatPump(ClientError):
    """The hub knows no such heat pump, or you hold no grant for it: the two look the same."""


class NoSuchGroup(NoSuchHeatPump):
    """The hub knows no such group, or you hold no grant for any heat pump in it: the two look the same."""


class NotAllowed(ClientError):
    """Your grant for this heat pump does not cover the request."""


class ScheduleNotEnabled(ClientError):
    """The heat pump does not enable the schedule; ``reason`` is its SchdEnaErr in words (7-4)."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class HeatPumpOffline(NoAnswer):
    """The heat pump cannot be reached now."""


class CannotConnect(NoAnswer):
    """There is no connection to the XMPP server."""


class HubRefused(ClientError):
    """The hub or a server on the way refused the request; ``condition`` as in RFC 6120, 8.3.3."""

    def __init__(self, message: str, condition: str) -> None:
        super().__init__(message)
        self.condition = condition


def of_group(group: str, error: Exception) -> ClientError:
    """The error of a request to a whole group, as the caller should see it."""
    if isinstance(error, StanzaError) and error.condition == "item-not-found":
        return NoSuchGroup(
            f"there is no group {group}, or you have no grant for any heat pump in it: ask the operator of"
            " the hub"
        )
    return translated(f"group {group}", error)


def of_hub(error: Exception) -> ClientError:
    """The error of a request to the hub itself, as the caller should see it."""
    if isinstance(error, RequestTimeout):
        return NoAnswer("the hub did not answer in time: try again later")
    return translated("the hub", error)


def translated(heatpump: str, error: Exception) -> ClientError:
    """The error of a request to a heat pump, as the caller should see it."""
    match error:
        case StanzaError(condition=condition) if condition == "item-not-found":
            return NoSuchHeatPump(
                f"there is no heat pump {heatpump}, or you have no grant for it: ask the operator of the hub"
            )
        case StanzaError(condition=condition) if condition in _NO_RIGHT:
            return NotAllowed(
                f"your grant for {heatpump} does not allow this: ask the operator of the hub for the right"
            )
        case StanzaError(condition=condition) if condition in _OFFLINE:
            return HeatPumpOffline(f"{heatpump} cannot be reached now ({condition}): try again later")
        case StanzaError(condition=condition) if condition in _BUSY:
            return NoAnswer(f"{heatpump} has too much to do: try again in some seconds")
        case StanzaError(condition=condition):
            return HubRefused(f"the request to {heatpump} was refused: {condition}", condition)
        case RequestTimeout():
            return NoAnswer(
                f"{heatpump} did not answer in time: read its state before you repeat a command, it may have "
                "been carried out"
            )
        case NotConnected() | ConnectionFailed():
            return CannotConnect(str(error))
        case MalformedPdu():
            return BadAnswer(f"{heatpump} gave an answer that is no PDU of 8-2: {error}")
        case UnencodableValue():
            return UnusableValue(str(error))
    return HubRefused(str(error), "undefined-condition")
