"""What an output may do to the heat pump behind it: how long, how often, with which pauses. I/O-free.

Times are seconds of one clock that never goes back (monotonic). What counts is kept across restarts by
``device_agent.limits_file``: a process that dies again and again must not win starts by it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from iec61850_model.values import AddCause

HOUR_S, DAY_S = 3600.0, 86_400.0
NO_LIMIT = 1_000_000
"""A number of starts nobody reaches."""
LONG_AGO_S = 10 * DAY_S
"""Seconds after which it makes no difference when something was: no limit looks back further than a day."""

Value = bool | int
Limits = Sequence["Limit"]


class Kind(Enum):
    """The limits, with the AddCause that names them to a client."""

    LEAST = ("it must stay as it is", AddCause.BLOCKED_BY_INTERLOCKING)
    PAUSE = ("it must pause", AddCause.BLOCKED_BY_INTERLOCKING)
    PER_HOUR = ("no start is left this hour", AddCause.STEP_LIMIT)
    PER_DAY = ("no start is left today", AddCause.STEP_LIMIT)
    LONGEST = ("its longest time is over", AddCause.TIME_LIMIT_OVER)

    def __init__(self, words: str, cause: AddCause) -> None:
        self.words = words
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an output may not take a value now, and when it may (monotonic seconds, inf: not by waiting)."""

    kind: Kind
    until: float

    def text(self, now: float) -> str:
        """The limit in words, e.g. ``it must pause, for 540 s more``."""
        left = self.until - now
        return f"{self.kind.words}, for {left:.0f} s more" if math.isfinite(left) else self.kind.words


@dataclass(frozen=True, slots=True)
class Limit:
    """How an output may use some of its values; seconds. To go from outside into ``values`` is a start.

    Raises ValueError for values that contradict each other.
    """

    name: str
    values: frozenset[Value]
    least_s: float = 0.0
    """Once in, it stays in for at least this long."""
    longest_s: float = math.inf
    """Once in, it stays in for at most this long."""
    pause_s: float = 0.0
    """Once out, it stays out for at least this long."""
    per_hour: int = NO_LIMIT
    per_day: int = NO_LIMIT
    """Starts in any 3,600 and 86,400 s."""

    def __post_init__(self) -> None:
        if not 0 <= self.least_s <= self.longest_s:
            raise ValueError(f"{self.name}: the least time is longer than the longest")

    @property
    def looked_back(self) -> int:
        """How many of the last starts matter."""
        return max((most for most in (self.per_hour, self.per_day) if most != NO_LIMIT), default=0)


@dataclass(slots=True)
class _Use:
    """What happened under one limit; None: it is not inside now, has not been outside yet."""

    inside_since: float | None = None
    outside_since: float | None = None
    starts: list[float] = field(default_factory=list)


class Ledger:
    """Counts what one output did and says what it may do next.

    The shell calls ``begin`` before it writes a value and ``reached`` when the output is known to have one.
    ``begin`` counts from the attempt: a write that seems to fail may have worked.
    """

    def __init__(self, limits: Limits, safe: Value) -> None:
        self.safe = safe
        self._limits = tuple(limits)
        self._uses = {limit.name: _Use() for limit in limits}
        for limit in limits:
            if safe in limit.values:
                self._uses[limit.name].inside_since = -math.inf

    def refusal(self, value: Value, now: float) -> Refusal | None:
        """Why ``value`` may not be taken now: of several limits the one that ends last."""
        found = [one for limit in self._limits if (one := self._refusal(limit, value, now))]
        return max(found, key=lambda one: one.until, default=None)

    def _refusal(self, limit: Limit, value: Value, now: float) -> Refusal | None:
        use = self._uses[limit.name]
        inside, wanted = use.inside_since is not None, value in limit.values
        if use.inside_since is not None:
            if not wanted and now < use.inside_since + limit.least_s:
                return Refusal(Kind.LEAST, use.inside_since + limit.least_s)
            if wanted and now >= use.inside_since + limit.longest_s:
                return Refusal(Kind.LONGEST, math.inf)
        if inside or not wanted:
            return None
        if use.outside_since is not None and now < use.outside_since + limit.pause_s:
            return Refusal(Kind.PAUSE, use.outside_since + limit.pause_s)
        for kind, most, window in (
            (Kind.PER_DAY, limit.per_day, DAY_S),
            (Kind.PER_HOUR, limit.per_hour, HOUR_S),
        ):
            recent = [start for start in use.starts if now - start < window]
            if len(recent) >= most:
                return Refusal(kind, recent[-most] + window if most else math.inf)
        return None

    def begin(self, value: Value, now: float) -> bool:
        """``value`` is about to be written; returns whether a start was counted, which must be kept first."""
        counted = False
        for limit in self._limits:
            use = self._uses[limit.name]
            if value in limit.values and use.inside_since is None:
                use.inside_since = now
                use.starts = [*use.starts, now][-limit.looked_back :] if limit.looked_back else []
                counted = True
        return counted

    def reached(self, value: Value, now: float) -> bool:
        """The output is known to have ``value``: one that was begun, or the safe one whatever led there.

        Returns whether that changed anything, which should be kept then.
        """
        changed = False
        for limit in self._limits:
            use = self._uses[limit.name]
            if value in limit.values:
                changed |= use.inside_since is None
                use.inside_since = now if use.inside_since is None else use.inside_since
            elif use.inside_since is not None:
                use.inside_since, use.outside_since = None, now
                changed = True
        return changed

    @property
    def deadline(self) -> float | None:
        """When the safe value must be taken; None: there is no hurry."""
        ends = [
            use.inside_since + limit.longest_s
            for limit in self._limits
            if (use := self._uses[limit.name]).inside_since is not None and self.safe not in limit.values
        ]
        end = min(ends, default=math.inf)
        return end if math.isfinite(end) else None

    # --- across restarts --------------------------------------------------------------------------

    def kept(self, now: float) -> dict[str, Any]:
        """What must survive a restart, as ages in seconds."""

        def age(time: float | None) -> float | None:
            return None if time is None else round(min(max(now - time, 0.0), LONG_AGO_S), 3)

        return {
            name: {
                "inside": age(use.inside_since),
                "outside": age(use.outside_since),
                "starts": [age(start) for start in use.starts if now - start < DAY_S],
            }
            for name, use in self._uses.items()
        }

    def restore(self, kept: Mapping[str, Any], elapsed: float, now: float) -> None:
        """Take over what was kept ``elapsed`` seconds ago; raises ValueError if it is damaged.

        Limits it says nothing of are as new. Where the output is now shows with ``reached``.
        """
        for name, use in self._uses.items():
            if name in kept:
                inside, outside, starts = _read(kept[name])
                at = now - elapsed
                use.inside_since = None if inside is None else at - inside
                use.outside_since = None if outside is None else at - outside
                use.starts = sorted(at - start for start in starts)

    def exhaust(self, now: float) -> None:
        """Nothing is known of what the output did: as if it had done all it may, just now."""
        for limit in self._limits:
            use = self._uses[limit.name]
            inside = self.safe in limit.values
            use.inside_since, use.outside_since = (now, None) if inside else (None, now)
            use.starts = [now] * limit.looked_back


def _read(kept: Any) -> tuple[float | None, float | None, list[float]]:
    if not isinstance(kept, dict):
        raise ValueError("a limit is not a mapping")
    inside, outside, starts = kept.get("inside"), kept.get("outside"), kept.get("starts")
    if not isinstance(starts, list) or len(starts) > NO_LIMIT:
        raise ValueError("starts is no list")
    for age in (inside, outside, *starts):
        if age is not None and not (type(age) in (int, float) and 0 <= age <= LONG_AGO_S):
            raise ValueError(f"{str(age)[:40]} is no age")
    if None in starts:
        raise ValueError("a start has no age")
    return inside, outside, starts


def relay_limits(
    safe: bool, *, least_s: float, longest_s: float, pause_s: float, starts: tuple[int, int]
) -> Limits:
    """Those of one relay: its least and longest time away from ``safe``, the pause between two such times,
    and how often it may go away in an hour and in a day."""
    away = frozenset({not safe})
    return (Limit("away", away, least_s, longest_s, pause_s, *starts),)


SG_READY_STATES = (1, 2, 3, 4)
SG_READY_NORMAL, SG_READY_BLOCKED = 2, 1


def sg_ready_limits(
    *, hold_s: float, longest_s: float, per_hour: int, blocks_per_day: int, block_pause_s: float
) -> Limits:
    """Those of an SG Ready state: each is held for a time, all but 2 together are bounded, and 1, a block,
    has a pause and a number for the day (BWP, SG Ready label: at least 10 min; blocked for 2 h at most)."""
    away = frozenset(set(SG_READY_STATES) - {SG_READY_NORMAL})
    blocked = frozenset({SG_READY_BLOCKED})
    return (
        Limit("away", away, longest_s=longest_s, per_hour=per_hour),
        Limit("blocked", blocked, pause_s=block_pause_s, per_day=blocks_per_day),
        *(Limit(f"state {state}", frozenset({state}), least_s=hold_s) for state in SG_READY_STATES),
    )
