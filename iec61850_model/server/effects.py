"""What a server asks its shell to do: the state machines of the services do no I/O themselves."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TypeAlias

from iec61850_model.mms.pdu import Payload, Pdu
from iec61850_model.reference import Reference
from iec61850_model.types import Value
from iec61850_model.values import ACCURACY_1_MS, CLOCK_NOT_SYNCHRONIZED, OrCat, Timestamp


@dataclass(frozen=True, slots=True)
class Moment:
    """The time of the server's clock, seconds since 1970 UTC, and whether that clock can be trusted."""

    now: float
    synchronized: bool = True

    @property
    def timestamp(self) -> Timestamp:
        """This moment as a time stamp, with its TimeQuality."""
        return Timestamp.from_unix(
            self.now, ACCURACY_1_MS | (0 if self.synchronized else CLOCK_NOT_SYNCHRONIZED)
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer the request ``token`` of ``peer``."""

    peer: str
    token: Hashable
    payload: Payload


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it came: from whom, under which token (the iq's id), with how many octets of PDU."""

    peer: str
    token: Hashable
    payload: Payload
    octets: int

    def answered(self, pdu: Pdu) -> Reply:
        """The answer to this request, in the association it came in."""
        return Reply(self.peer, self.token, Payload(pdu, self.payload.association))


@dataclass(frozen=True, slots=True)
class Send:
    """Send an unconfirmed PDU to ``peer``."""

    peer: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class Switch:
    """Carry out a control on the process; report the outcome with ``Server.switched`` under the same key."""

    key: int
    reference: Reference
    value: Value
    or_cat: OrCat
    or_ident: bytes


@dataclass(frozen=True, slots=True)
class Settled:
    """A client wrote settings; ``references`` are the attributes that have new values."""

    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Drive:
    """What the running schedules ask of a controlled data object (7-4, FSCC).

    ``value`` None: no schedule runs for it any longer. ``schedule``: the FSCH that asks, such as
    SCH/EvuFSCH1; empty with None. ``until``: when the entry ends, seconds since 1970 UTC.
    """

    reference: Reference
    value: Value | None
    schedule: str = ""
    until: float | None = None


Effect: TypeAlias = Reply | Send | Switch | Settled | Drive
