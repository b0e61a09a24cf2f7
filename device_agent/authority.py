"""Who decides on a controlled object: one table, the first row that applies wins. I/O-free.

| row | holder | value | until |
|---|---|---|---|
| 1 | local switch (Loc) | its rest | the switch is turned back |
| 2 | power limit (DWMX1) | what keeps the heat pump within it | the limit is lifted |
| 3 | direct command | as commanded | see below |
| 4 | schedule | of the running entry | the end of the entry |
| 5 | fail-safe | its rest | the fail-safe duration is over |
| 6 | nobody | its rest | |

A direct command of an object that a schedule drives lasts until the schedule's next entry; of another one
until the longest time of the output is over, or another command. When the hub is lost it ends, or it is held:
then it is the fail-safe, keeps its place in row 3, and ends with the fail-safe duration at the latest.
Schedules go on without a hub. A command whose output failed is over too; a schedule is tried again.

Above rows 2 to 4 stands one rule that is no holder's to change: without a hub no output has the value that
blocks the house's backup heat (``blocks_backup``). It takes its rest at once then, as fail-safe, until the
hub is back: whoever could lift the block is not there.

Its rest is what the house has without us: the safe state of a relay, state 2 of SG Ready, the initial value
of a set point (one without stays as it is). All rows act within the limits of the output
(``device_agent.limits``): what must wait is refused to a command, and carried out later for any other row.

Times are monotonic seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from iec61850_model.types import Value
from iec61850_model.values import AddCause

DRIVE_GRACE_S = 60.0
"""Seconds after the end of an entry until a schedule that says nothing more is over. Entries follow each
other within a second; nothing is left on by silence."""


class Holder(Enum):
    """Who has the say; the value is how it is written in the model."""

    LOCAL = "local switch"
    POWER_LIMIT = "power limit"
    COMMAND = "command"
    SCHEDULE = "schedule"
    FAIL_SAFE = "fail-safe"
    NOBODY = "nobody"


class LostHub(Enum):
    """What happens to a direct command when the hub is lost."""

    SAFE = "safe"
    """It ends: rest, or the schedule."""
    HOLD = "hold"
    """It goes on for the fail-safe duration at most."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an object is to have. ``value`` None: it stays as it is. ``until`` None: no time is known."""

    value: Value | None
    holder: Holder
    until: float | None = None
    schedule: str = ""
    """The FSCH, if a schedule holds it."""
    at_once: bool = False
    """Its rest must be taken without waiting for a limit."""


@dataclass(frozen=True, slots=True)
class _Drive:
    value: Value
    schedule: str
    until: float | None


@dataclass(frozen=True, slots=True)
class _Command:
    value: Value
    until: float | None


class Authority:
    """The table for one controlled object.

    ``rest``: its value when nobody holds it, None if it then stays as it is. ``fail_safe_s``: how long the
    fail-safe lasts when the hub does not come back. ``blocks_backup``: its value that blocks the house's
    backup heat too; None: none does.
    """

    def __init__(
        self,
        rest: Value | None,
        lost_hub: LostHub,
        fail_safe_s: float,
        blocks_backup: Value | None = None,
    ) -> None:
        self.rest = rest
        self._blocks_backup = blocks_backup
        self._lost_hub = lost_hub
        self._fail_safe_s = fail_safe_s
        self._local = False
        self._limit: Value | None = None
        self._command: _Command | None = None
        self._drive: _Drive | None = None
        self._lost_since: float | None = None

    # --- what happens -----------------------------------------------------------------------------

    def refusal(self, value: Value) -> AddCause | None:
        """Why a direct command is not taken, or None if it may be tried."""
        if self._local:
            return AddCause.BLOCKED_BY_SWITCHING_HIERARCHY
        if self._limit is not None and value != self._limit:
            return AddCause.BLOCKED_BY_COMMAND
        return None

    def commanded(self, value: Value, until: float | None) -> None:
        """A direct command was carried out; ``until``: when the output ends it by itself.

        To ask for the rest of an object that no schedule drives is to leave it to nobody.
        """
        self._command = _Command(value, until)
        if self._drive is None and value == self.rest:
            self._command = None

    def failed(self) -> None:
        """A write failed: the output goes to its safe state, and a command is not tried again by itself."""
        self._command = None

    def drive(self, value: Value | None, schedule: str, until: float | None) -> None:
        """A schedule asks for the value of its next entry, or (None) none runs any longer. Either is the end
        of a direct command."""
        self._command = None
        self._drive = None if value is None else _Drive(value, schedule, until)

    def local(self, on: bool) -> None:
        """The local switch is turned; turned on, it ends a direct command."""
        self._local = on
        if on:
            self._command = None

    def limit(self, value: Value | None) -> None:
        """The power limit needs this value, or (None) nothing of this object."""
        self._limit = value

    def hub_lost(self, now: float) -> None:
        """Nobody can take a direct command back any longer."""
        if self._lost_since is None:
            self._lost_since = now
        if self._lost_hub is LostHub.SAFE:
            self._command = None

    def hub_back(self) -> None:
        """A command that was held is one again; what ended stays ended."""
        self._lost_since = None

    # --- what follows -----------------------------------------------------------------------------

    def wanted(self, now: float) -> Wanted:
        """What the object is to have now, from whom, until when."""
        self._forget(now)
        wanted = self._wanted_by_rows(now)
        return Wanted(self.rest, Holder.FAIL_SAFE, at_once=True) if self.forbids(wanted.value) else wanted

    def forbids(self, value: Value | None) -> bool:
        """Whether the output must not have this value, not even for as long as a limit holds it there."""
        return (
            self._lost_since is not None and self._blocks_backup is not None and value == self._blocks_backup
        )

    def _wanted_by_rows(self, now: float) -> Wanted:
        if self._local:
            return Wanted(self.rest, Holder.LOCAL, at_once=True)
        if self._limit is not None:
            return Wanted(self._limit, Holder.POWER_LIMIT)
        if self._command is not None:
            return self._commanded(self._command)
        if self._drive is not None:
            return Wanted(self._drive.value, Holder.SCHEDULE, self._drive.until, self._drive.schedule)
        released = self._released
        if released is not None and now < released:
            return Wanted(self.rest, Holder.FAIL_SAFE, released)
        return Wanted(self.rest, Holder.NOBODY)

    def _commanded(self, command: _Command) -> Wanted:
        ends = [command.until, self._drive.until if self._drive else None, self._released]
        until = min((end for end in ends if end is not None), default=None)
        holder = Holder.COMMAND if self._lost_since is None else Holder.FAIL_SAFE
        return Wanted(command.value, holder, until)

    @property
    def _released(self) -> float | None:
        """When the fail-safe is over; None: the hub is there."""
        return None if self._lost_since is None else self._lost_since + self._fail_safe_s

    def _forget(self, now: float) -> None:
        """What is over is over for good, also if the limit or the switch hid that it ended."""
        command, drive = self._command, self._drive
        if command is not None and now >= min(_time(command.until), _time(self._released)):
            self._command = None
        if drive is not None and now >= _time(drive.until) + DRIVE_GRACE_S:
            self._drive = self._command = None


def _time(until: float | None) -> float:
    return math.inf if until is None else until
