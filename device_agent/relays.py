"""Safe switching: one state machine per relay, without I/O, time passed in.

The shell around it applies each `Switch` to the hardware, one at a time, and reports with `applied` whether
it was done; what is shown of a relay is `state`, which is known only after a successful write. A relay is
in its safe state after start, after stop and after a failed write, and is never away from it for longer
than `max_on_s`: repeating a command does not prolong that, silence does not either.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

DEFAULT_MAX_ON_S = 2 * 3600.0
"""Seconds: an EVU block or SG Ready state 1 lasts two hours at most (BWP, SG Ready label)."""
LONGEST_MAX_ON_S = 25 * 3600.0
"""Seconds: no schedule covers more than 25 hours, so nothing needs a relay for longer."""
RETRY_S = 5.0
"""Seconds between attempts to reach the safe state after a failed write."""
STOP_ATTEMPTS = 3
"""Writes tried when stopping: nobody is there to try later."""


class RelayRefused(Exception):
    """The relay does not take this command now; the message says why."""


class Reason(Enum):
    """Why a relay is switched; for the log and the cause shown to others."""

    START = "start"
    COMMAND = "command"
    MAX_ON = "longest time away from the safe state"
    WRITE_FAILED = "a write failed"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class RelayConfig:
    """One relay. Raises ValueError for a `max_on_s` that is not in 1..LONGEST_MAX_ON_S seconds."""

    name: str
    safe: bool = False
    """The state at start and stop, after a failed write and after `max_on_s`."""
    max_on_s: float = DEFAULT_MAX_ON_S
    """The longest the relay may be away from its safe state."""

    def __post_init__(self) -> None:
        if not 1 <= self.max_on_s <= LONGEST_MAX_ON_S:
            raise ValueError(
                f"relay {self.name}: max_on_s must be 1 to {LONGEST_MAX_ON_S:.0f} s, not {self.max_on_s}"
            )


@dataclass(frozen=True, slots=True)
class Switch:
    """The shell must set the relay to `on` and report with `RelayGuard.applied`."""

    on: bool
    reason: Reason


class _Phase(Enum):
    STOPPED = "stopped"
    RUNNING = "running"
    STOPPING = "stopping"


class RelayGuard:
    """Guards one relay. All times are seconds of one clock that never goes back (monotonic, not UTC)."""

    def __init__(self, config: RelayConfig) -> None:
        self.config = config
        self.state: bool | None = None
        """What the relay is known to be; None after a write that failed, and before the first."""
        self._phase = _Phase.STOPPED
        self._pending: Switch | None = None
        self._away_since: float | None = None
        self._retry_at: float | None = None
        self._stop_attempts = 0

    def start(self, now: float) -> list[Switch]:
        """The box has started: take the safe state."""
        self._phase = _Phase.RUNNING
        return self._switch(self.config.safe, Reason.START, now)

    def command(self, on: bool, now: float) -> list[Switch]:
        """Somebody entitled wants the relay on or off. Also writes a state the relay has already.

        Raises RelayRefused when the relay is not started, is being switched, or cannot be reached.
        """
        if self._phase is not _Phase.RUNNING:
            raise RelayRefused(f"relay {self.config.name} is stopped")
        if self._pending is not None:
            raise RelayRefused(f"relay {self.config.name} is being switched, try again")
        if self._retry_at is not None:
            raise RelayRefused(
                f"relay {self.config.name} does not answer, it is being brought to its safe state"
            )
        if on != self.config.safe and self._overdue(now):
            raise RelayRefused(f"relay {self.config.name} has been away from its safe state for too long")
        return self._switch(on, Reason.COMMAND, now)

    def tick(self, now: float) -> list[Switch]:
        """Time has passed; due at `deadline` at the latest, harmless earlier."""
        if self._phase is not _Phase.RUNNING or self._pending is not None:
            return []
        if self._retry_at is not None and now >= self._retry_at:
            return self._switch(self.config.safe, Reason.WRITE_FAILED, now)
        if self._retry_at is None and self._overdue(now):
            return self._switch(self.config.safe, Reason.MAX_ON, now)
        return []

    def stop(self, now: float) -> list[Switch]:
        """The box is stopping: take the safe state; after a write still under way, if there is one."""
        self._phase = _Phase.STOPPING
        self._stop_attempts = 0
        return [] if self._pending is not None else self._stop_switch(now)

    def applied(self, ok: bool, now: float) -> list[Switch]:
        """The last switch was done, or could not be done or not be confirmed.

        Raises RuntimeError when no switch is under way.
        """
        if self._pending is None:
            raise RuntimeError(f"relay {self.config.name}: nothing is being switched")
        done, self._pending = self._pending, None
        self.state = done.on if ok else None
        if ok:
            self._retry_at = None
            if done.on == self.config.safe:
                self._away_since = None
        if self._phase is _Phase.STOPPING:
            if ok and done.reason is Reason.STOP:
                self._phase = _Phase.STOPPED
                return []
            return self._stop_switch(now)
        if ok:
            return []
        self._retry_at = now + RETRY_S
        if done.on != self.config.safe:
            return self._switch(self.config.safe, Reason.WRITE_FAILED, now)
        return []

    @property
    def deadline(self) -> float | None:
        """When `tick` has something to do; None when only an event can change anything."""
        if self._phase is not _Phase.RUNNING or self._pending is not None:
            return None
        if self._retry_at is not None:
            return self._retry_at
        return None if self._away_since is None else self._away_since + self.config.max_on_s

    def _switch(self, on: bool, reason: Reason, now: float) -> list[Switch]:
        # Counted from the attempt, not from its success: a write that seems to fail may have worked.
        if on != self.config.safe and self._away_since is None:
            self._away_since = now
        self._pending = Switch(on, reason)
        return [self._pending]

    def _stop_switch(self, now: float) -> list[Switch]:
        if self._stop_attempts == STOP_ATTEMPTS:
            self._phase = _Phase.STOPPED
            return []
        self._stop_attempts += 1
        return self._switch(self.config.safe, Reason.STOP, now)

    def _overdue(self, now: float) -> bool:
        return now >= (math.inf if self._away_since is None else self._away_since + self.config.max_on_s)
