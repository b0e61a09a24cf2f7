"""A limit of the heat pump's power, obeyed with what the box can switch. I/O-free; monotonic seconds, W.

The box cannot turn a heat pump down, only block it. So:

- A limit at or above the most it takes is met by itself.
- Below that it runs as long as its measured power is within the limit. Above it for ``OVER_FOR_S`` it is
  blocked (EVU block, else SG Ready state 1). A box without a measured power blocks at once: it cannot know
  better.
- It stays blocked until the limit is lifted, or raised to the power it had: else it would begin anew.
- The block keeps the limits of its output: when its longest time is over the heat pump runs again, and the
  limit is not met. That is said, not hidden: ``PowerState.met`` is False.
"""

from __future__ import annotations

from dataclasses import dataclass

OVER_FOR_S = 10.0
"""Seconds above the limit: a compressor's start or a pump's is no reason for a block."""
STOPS_WITHIN_S = 60.0
"""Seconds a blocked heat pump has to stop before its limit counts as not met."""


@dataclass(frozen=True, slots=True)
class PowerState:
    """What a limit asks for now."""

    block: bool
    met: bool | None
    """None: nothing is measured that could say so."""


class PowerLimit:
    """Decides on the block for one heat pump that takes ``most`` W."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._over_since: float | None = None
        self._blocked_at: float | None = None
        """The power that led to the block."""

    def look(self, limit: float | None, power: float | None, now: float) -> PowerState:
        """``limit`` None: there is none. ``power``: measured, None if it has no usable value."""
        if limit is None or limit >= self._most:
            self._over_since = self._blocked_at = None
            return PowerState(block=False, met=True)
        if power is not None and power <= limit:
            self._over_since = None
        elif self._over_since is None:
            self._over_since = now
        if self._blocked_at is not None and limit >= self._blocked_at:
            self._blocked_at = None
        over_for = 0.0 if self._over_since is None else now - self._over_since
        if self._blocked_at is None and self._over_since is not None:
            if power is None:
                self._blocked_at = self._most
            elif over_for >= OVER_FOR_S:
                self._blocked_at = power
        return PowerState(
            block=self._blocked_at is not None,
            met=None if power is None else over_for < STOPS_WITHIN_S,
        )
