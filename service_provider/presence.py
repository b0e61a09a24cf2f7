"""Which heat pumps are online: what the hub tells, for now and as it changes."""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service_provider.reading import iso

MAX_HEAT_PUMPS = 100_000
"""Heat pumps whose presence is kept; more than one provider has. The hub is trusted, its memory of ours is
not endless."""
MAX_BEHIND = 10_000
"""Changes a slow listener may be behind; then it loses the oldest."""


class Presence(enum.StrEnum):
    """Link state of a heat pump. Unknown: the hub has not said, or we are offline ourselves."""

    ONLINE = "online"
    OFFLINE = "offline"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PresenceChange:
    """A heat pump's link state, and when we learnt it (UTC)."""

    heatpump: str
    presence: Presence
    time: datetime

    def as_dict(self) -> dict[str, Any]:
        """For JSON: heatpump, presence, time (ISO 8601, UTC)."""
        return {"heatpump": self.heatpump, "presence": self.presence.value, "time": iso(self.time)}


class PresenceBoard:
    """The last known state of every heat pump, and those who listen to changes."""

    def __init__(self) -> None:
        self._states: dict[str, PresenceChange] = {}
        self._listeners: set[_Listener] = set()
        self.last_news = asyncio.Event()

    def states(self) -> list[PresenceChange]:
        """Every heat pump whose presence was seen, by id."""
        return [self._states[heatpump] for heatpump in sorted(self._states)]

    def of(self, heatpump: str) -> Presence:
        """The state of one heat pump."""
        known = self._states.get(heatpump)
        return known.presence if known else Presence.UNKNOWN

    def note(self, heatpump: str, presence: Presence, time: datetime) -> bool:
        """Take over what was learnt; True if it is a change."""
        self.last_news.set()
        if self.of(heatpump) is presence and heatpump in self._states:
            return False
        if heatpump not in self._states and len(self._states) >= MAX_HEAT_PUMPS:
            return False
        change = self._states[heatpump] = PresenceChange(heatpump, presence, time)
        for listener in self._listeners:
            listener.put(change)
        return True

    def unknown(self, time: datetime) -> None:
        """We are offline: nothing is known any more."""
        for heatpump in list(self._states):
            self.note(heatpump, Presence.UNKNOWN, time)

    async def changes(self) -> AsyncGenerator[PresenceChange, None]:
        """The states known now, then every change, without end."""
        listener = _Listener(self.states())
        self._listeners.add(listener)
        try:
            while True:
                yield await listener.get()
        finally:
            self._listeners.discard(listener)


class _Listener:
    def __init__(self, first: list[PresenceChange]) -> None:
        self._waiting = deque(first, MAX_BEHIND)
        self._news = asyncio.Event()

    def put(self, change: PresenceChange) -> None:
        self._waiting.append(change)
        self._news.set()

    async def get(self) -> PresenceChange:
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()
