"""Requests of providers that wait for the history: bounded, one provider after the other. I/O-free."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

from hub.stanzas import Stanza

WAITING_OF_ONE = 16
"""Requests of one provider that wait for their turn; more are told to wait."""
WAITING = 128
"""Of all providers together; each holds a PDU of at most 64 kB."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, whose it is and about which heat pump; ``since``: when it came, seconds since 1970 UTC."""

    stanza: Stanza
    provider: str
    heat_pump: str
    since: float


@dataclass(slots=True)
class Turns:
    """Who is next."""

    _waiting: OrderedDict[str, deque[Asked]] = field(default_factory=OrderedDict)

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def put(self, asked: Asked) -> Asked | None:
        """Let it wait for its turn; returns what has no place, if too many wait: this or another one.

        Where all places are taken, the newest of the provider with most waiting makes room for one with none.
        """
        own = len(self._waiting.get(asked.provider, ()))
        if own >= WAITING_OF_ONE:
            return asked
        dropped = None
        if len(self) >= WAITING:
            most = max(self._waiting.values(), key=len)
            if own or len(most) == 1:
                return asked
            dropped = most.pop()
        self._waiting.setdefault(asked.provider, deque()).append(asked)
        return dropped

    def next(self) -> Asked | None:
        """The oldest request of the provider whose turn is longest ago."""
        if not self._waiting:
            return None
        provider, queue = self._waiting.popitem(last=False)
        asked = queue.popleft()
        if queue:
            self._waiting[provider] = queue
        return asked

    def clear(self) -> None:
        """Forget all."""
        self._waiting.clear()
