"""Requests to groups that wait to go to their members: bounded, at a pace, one provider after the other.

I/O-free, time passed in (seconds since 1970 UTC).
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from hub.group_request import GroupRequest

TURN = 0.01
"""Seconds between two handfuls."""
HANDFUL = 60
"""Members of one turn, some 5 ms of work: what others ask meanwhile waits no longer. 6,000 a second at most,
twice what one router carries of single requests."""
WAITING_OF_ONE = 4
"""Requests to groups of one provider that wait; more are told to wait. Each holds a PDU of at most 64 kB."""
WAITING = 64
"""Of all providers together."""
SPREAD_WITHIN = 25.0
"""Seconds after which members that have not had their turn are left out: a box refuses a command that is
older than 30 s, and who asked has given up."""
LEFT_OUT = "group member left out"
"""How these are counted."""


@dataclass(slots=True)
class _Under:
    """A request and how many of its members had their turn."""

    asked: GroupRequest
    done: int = 0

    @property
    def left(self) -> int:
        return len(self.asked.members) - self.done


@dataclass(slots=True)
class Spreading:
    """``share(provider's bare JID, now)`` counts one more request of his and says whether he may ask it now.

    ``dropped`` counts the members that were not asked any more.
    """

    share: Callable[[str, float], bool]
    dropped: Counter[str]
    _waiting: OrderedDict[str, deque[_Under]] = field(default_factory=OrderedDict)

    def __len__(self) -> int:
        """Members that wait for their turn."""
        return sum(one.left for queue in self._waiting.values() for one in queue)

    def put(self, asked: GroupRequest) -> bool:
        """Send it to its members when their turns come; False: too many wait."""
        queue = self._waiting.get(asked.provider, ())
        if len(queue) >= WAITING_OF_ONE or sum(map(len, self._waiting.values())) >= WAITING:
            return False
        self._waiting.setdefault(asked.provider, deque()).append(_Under(asked))
        return True

    def clear(self) -> None:
        """Forget what waits: the link is down, or nothing may be let through."""
        self.dropped[LEFT_OUT] += len(self)
        self._waiting.clear()

    def turn(self, now: float) -> Iterator[tuple[GroupRequest, str]]:
        """The next members, at most HANDFUL: providers take turns, and pause who has had his share."""
        for _ in range(HANDFUL):
            if not self._waiting:
                return
            provider, queue = self._waiting.popitem(last=False)
            first, member = queue[0], ""
            if now - first.asked.since > SPREAD_WITHIN:
                self.dropped[LEFT_OUT] += first.left
                first.done += first.left
            elif self.share(first.asked.sender.partition("/")[0], now):
                member = first.asked.members[first.done]
                first.done += 1
            if not first.left:
                queue.popleft()
            if queue:
                self._waiting[provider] = queue
            if member:
                yield first.asked, member
