"""What is asked of a box for a grant that steers, what may come of it, and what is to be done.

Schedules are told by the names of their logical nodes, such as EvuFSCH2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from hub.registry import OpenSteering

# --- requests ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FindSchedules:
    """Which schedules belong to this slot? ``Found``"""

    slot: int


@dataclass(frozen=True, slots=True)
class SetPriority:
    """Write SchdPrio of all of them, as the hub. ``Done``"""

    schedules: tuple[str, ...]
    priority: int


@dataclass(frozen=True, slots=True)
class ReadStates:
    """Read SchdSt of all of them. ``States``"""

    schedules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Disable:
    """Operate DsaReq in the provider's name. ``Done``"""

    schedule: str
    provider: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Take values and start times out, as the hub, so that the next holder finds it empty. ``Done``"""

    schedules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Tell the box that the provider is withdrawn, then ask something that it answers. ``Done``"""

    provider: str


Request: TypeAlias = FindSchedules | SetPriority | ReadStates | Disable | Clear | Withdraw

# --- outcomes ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Done:
    """The box has done it."""


@dataclass(frozen=True, slots=True)
class Found:
    """The schedules of the slot; none if the box has none."""

    schedules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class States:
    """SchdSt by logical node (7-4, ScheduleStateKind)."""

    by_node: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Refused:
    """The box has answered, and says no."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """It is not known what became of it."""

    reason: str


Outcome: TypeAlias = Done | Found | States | Refused | Unanswered

# --- effects ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Queue:
    """There is something to do: call ``Desk.turn`` when its turn comes."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the box; give what came of it to ``Desk.answered`` with the same ``attempt``."""

    attempt: int
    request: Request


@dataclass(frozen=True, slots=True)
class Finished:
    """A job is done: write it down."""

    job: OpenSteering


@dataclass(frozen=True, slots=True)
class Trouble:
    """A job could not be done now; it is tried again."""

    job: OpenSteering
    reason: str


Effect: TypeAlias = Queue | Ask | Finished | Trouble
