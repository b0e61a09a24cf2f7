"""What the collector's state machines ask to be done, and what comes of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TypeAlias

from hub.history.reading import Sample
from iec61850_model.reference import Reference
from iec61850_model.values import OptFlds


class Request(enum.StrEnum):
    """What a box is asked."""

    ASSOCIATE = "associate"
    BLOCK = "read the report control block"
    MEMBERS = "read the data set's members"
    ENTRY = "write EntryID"
    ENABLE = "write RptEna true"
    CHECK = "read RptEna"
    DISABLE = "write RptEna false"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the box; give the outcome back together with ``attempt``. ``argument``: EntryID or data set."""

    request: Request
    attempt: int
    argument: bytes | str = b""


@dataclass(frozen=True, slots=True)
class Queue:
    """Call ``turn`` when it is this box's turn."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Send the collector's presence to the box: it answers with its own."""


@dataclass(frozen=True, slots=True)
class Abort:
    """End whatever association the box holds with the collector, and forget it."""


@dataclass(frozen=True, slots=True)
class Take:
    """Store in one transaction: the box's last EntryID, what is counted, and a sample if there is one.

    ``measured``: from when to when, seconds since 1970 UTC. ``run``: counts how often it was begun anew from
    an earlier report; what is of an earlier run comes again.
    """

    entry: bytes
    sample: Sample | None
    overflow: bool = False
    misdated: bool = False
    measured: tuple[float, float] = (0.0, 0.0)
    run: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """Tell people and metrics: ``what`` is a fixed word, ``reason`` a text."""

    what: str
    reason: str = ""


Effect: TypeAlias = Ask | Queue | Probe | Abort | Take | Note


@dataclass(frozen=True, slots=True)
class Associated:
    """The box took the association of this id."""

    id: str


@dataclass(frozen=True, slots=True)
class Block:
    """What the box's report control block says."""

    enabled: bool
    data_set: str
    conf_rev: int
    opt_flds: OptFlds


@dataclass(frozen=True, slots=True)
class Members:
    """The members of the data set."""

    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """It was done."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It was not done, or nobody knows; ``reason`` for people."""

    reason: str


Outcome: TypeAlias = Associated | Block | Members | Done | Failed
