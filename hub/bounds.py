"""When grants begin and end, pair by pair of provider and heat pump.

I/O-free, times in seconds since 1970 UTC.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from hub.roster import Grant

_MOMENT = 1e-6
"""Seconds: what is in force just before an instant."""


class Due(NamedTuple):
    """A grant of a provider on this heat pump has begun or ended; ``before`` is the moment just before that.

    ``group``: it is one on a group, each of whose members has had its turn, and ``on`` is the group.
    """

    before: float
    provider: str
    on: str
    group: bool = False


@dataclass(slots=True)
class Bounds:
    """Any number may lie at one instant: who tells of them takes one after the other, and is ``behind`` until
    he has them all.
    """

    _coming: list[tuple[float, str, str, str]] = field(default_factory=list)
    _due: deque[Due] = field(default_factory=deque)

    def note(self, grants: Iterable[Grant], now: float) -> None:
        """These grants are new, or have other times."""
        for grant in grants:
            for bound in (grant.valid_from, grant.until):
                if bound is not None and bound > now:
                    heapq.heappush(self._coming, (bound, grant.provider, grant.heat_pump, grant.group))

    def next(self, now: float, members: Callable[[str], Iterable[str]]) -> Due | None:
        """The next pair that is due, the earliest first; of a grant on a group each of its ``members``."""
        while not self._due and self.behind(now):
            bound, provider, heat_pump, group = heapq.heappop(self._coming)
            before = bound - _MOMENT
            pumps = members(group) if group else (heat_pump,)
            self._due.extend(Due(before, provider, one) for one in pumps)
            if group:
                self._due.append(Due(before, provider, group, group=True))
        return self._due.popleft() if self._due else None

    def behind(self, now: float) -> bool:
        """Something is due."""
        return bool(self._due or (self._coming and self._coming[0][0] <= now))

    def since(self, now: float) -> tuple[float, ...]:
        """The times of which some may have been told what is in force: now, and before what is due."""
        if self._due:
            return now, self._due[0].before
        return (now, self._coming[0][0] - _MOMENT) if self.behind(now) else (now,)
