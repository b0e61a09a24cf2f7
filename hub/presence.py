"""Who is there, and who is told: presence of boxes and providers (DESIGN section 3). I/O-free.

A heat pump's presence is its box's link state. It is unknown until its box has answered the hub's own
presence, and it is passed on to exactly the providers that hold a live grant.
"""

from __future__ import annotations

import enum
import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from hub.addresses import HEAT_PUMP_RESOURCE, Addresses, Jid
from hub.roster import Changes, HeatPump, Roster
from hub.stanzas import Stanza, stanza

ANSWER_WITHIN = 30.0
"""Seconds a box has to answer the hub's presence; a wired link that is cut is known by then."""
MAX_SESSIONS = 32
"""Sessions (full JIDs) of one provider that are told of presence."""


class LinkState(enum.StrEnum):
    """State of the link to a box."""

    ONLINE = "online"
    OFFLINE = "offline"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Emit:
    """Send a stanza. ``paced``: one of many, it can wait for its turn."""

    xml: str
    paced: bool = False


@dataclass(frozen=True, slots=True)
class Keep:
    """Write a heat pump's link state to the registry."""

    heat_pump: str
    state: LinkState
    since: float


Effect: TypeAlias = Emit | Keep


@dataclass(slots=True)
class PresenceBoard:
    """Link states of all heat pumps and sessions of all providers."""

    addresses: Addresses
    roster: Roster
    states: dict[str, LinkState] = field(default_factory=dict)
    sessions: dict[str, set[str]] = field(default_factory=dict)
    _asked: dict[str, float] = field(default_factory=dict)
    _bounds: list[tuple[float, str, str]] = field(default_factory=list)
    _seen_until: float = 0.0

    # --- what happens -----------------------------------------------------------------------------

    def start(self, now: float) -> list[Effect]:
        """The hub's link is up: nothing is known, everybody is asked."""
        self.sessions.clear()
        effects: list[Effect] = []
        for heat_pump in self.roster.heat_pumps.values():
            effects += self._ask(heat_pump, now)
        effects += [self._hub_presence(one.jid) for one in self.roster.providers.values()]
        return effects

    def stop(self, now: float) -> list[Effect]:
        """The hub's link is down: nothing is known any more."""
        effects: list[Effect] = []
        for id_ in list(self.states):
            effects += self._set(id_, LinkState.UNKNOWN, now)
        self.sessions.clear()
        self._asked.clear()
        return effects

    def handle(self, presence: Stanza, now: float) -> list[Effect]:
        """A presence stanza came."""
        sender, to = Jid.parse(presence.sender), Jid.parse(presence.to)
        heat_pump = self.roster.heat_pump_of_box(sender.bare)
        if heat_pump is not None:
            to_hub = not to.local and sender.resource == HEAT_PUMP_RESOURCE
            return self._box(heat_pump, presence.type, now) if to_hub else []
        if to.local:
            return self._asked_about(presence.type, sender, to.local, now)
        provider = self.roster.provider_of_jid(sender.bare)
        return self._provider(provider.id, presence.type, str(sender), now) if provider else []

    def change(self, changes: Changes, now: float) -> list[Effect]:
        """Apply changes to the roster and tell everybody concerned."""
        before = {
            pair: (self._live(pair, now), self.roster.heat_pumps.get(pair[1]))
            for pair in self.roster.pairs_of(changes)
        }
        self.roster.apply(changes)
        effects: list[Effect] = []
        for pair, (was, heat_pump) in before.items():
            effects += self._compare(pair, was, self._live(pair, now), heat_pump)
        for id_ in changes.removed_heat_pumps:
            if id_ not in self.roster.heat_pumps:
                self.states.pop(id_, None)
                self._asked.pop(id_, None)
        for provider in changes.removed_providers:
            if provider not in self.roster.providers:
                self.sessions.pop(provider, None)
        for grant in changes.grants:
            for bound in (grant.valid_from, grant.until):
                if bound is not None and bound > now:
                    heapq.heappush(self._bounds, (bound, grant.provider, grant.heat_pump))
        for heat_pump in changes.heat_pumps:
            effects += self._ask(heat_pump, now)
        effects += [self._hub_presence(one.jid) for one in changes.providers]
        return effects

    def tick(self, now: float) -> list[Effect]:
        """Time went on: grants began or ended, boxes did not answer."""
        effects: list[Effect] = []
        while self._bounds and self._bounds[0][0] <= now:
            bound, provider, heat_pump = heapq.heappop(self._bounds)
            pair = (provider, heat_pump)
            just_before = self._live(pair, bound - 1e-6)
            there = self.roster.heat_pumps.get(heat_pump)
            effects += self._compare(pair, just_before, self._live(pair, now), there)
        silent = [id_ for id_, asked in self._asked.items() if now - asked >= ANSWER_WITHIN]
        for id_ in silent:
            del self._asked[id_]
            effects += self._set(id_, LinkState.OFFLINE, now)
        return effects

    # --- boxes ------------------------------------------------------------------------------------

    def _box(self, heat_pump: HeatPump, type_: str, now: float) -> list[Effect]:
        match type_:
            case "":
                state = LinkState.ONLINE
            case "unavailable" | "error":
                state = LinkState.OFFLINE
            case _:
                return []
        self._asked.pop(heat_pump.id, None)
        return self._set(heat_pump.id, state, now)

    def _set(self, id_: str, state: LinkState, now: float) -> list[Effect]:
        if self.states.get(id_) is state:
            return []
        self.states[id_] = state
        effects: list[Effect] = [Keep(id_, state, now)]
        for provider in self.roster.providers_of(id_, now):
            effects += self._tell(provider, id_)
        return effects

    def _ask(self, heat_pump: HeatPump, now: float) -> list[Effect]:
        self._asked[heat_pump.id] = now
        effects = self._set(heat_pump.id, LinkState.UNKNOWN, now)
        return [*effects, self._hub_presence(self.addresses.box(heat_pump.box))]

    def _hub_presence(self, to: str) -> Emit:
        return Emit(stanza("presence", "", "", self.addresses.domain, to), paced=True)

    # --- providers --------------------------------------------------------------------------------

    def _provider(self, provider: str, type_: str, session: str, now: float) -> list[Effect]:
        sessions = self.sessions.setdefault(provider, set())
        if type_ == "" and (session in sessions or len(sessions) < MAX_SESSIONS):
            sessions.add(session)
            return [
                effect
                for id_ in self.roster.heat_pumps_of(provider, now)
                for effect in self._presence_of(id_, session)
            ]
        if type_ in ("unavailable", "error") and session in sessions:
            sessions.discard(session)
            return [
                self._alias_gone(provider, session, self.roster.heat_pumps[id_].box)
                for id_ in self.roster.heat_pumps_of(provider, now)
                if self.states.get(id_) is LinkState.ONLINE
            ]
        return []

    def _asked_about(self, type_: str, sender: Jid, id_: str, now: float) -> list[Effect]:
        """A subscription or probe for a heat pump; unknown ids and foreign ones are answered alike."""
        provider = self.roster.provider_of_jid(sender.bare)
        address = self.addresses.heat_pump_bare(id_)
        granted = provider is not None and self._live((provider.id, id_), now)
        match type_:
            case "subscribe" | "probe" if not granted:
                return [Emit(stanza("presence", "unsubscribed", "", address, sender.bare))]
            case "subscribe":
                assert provider is not None
                self.sessions.setdefault(provider.id, set()).add(sender.bare)
                accepted = Emit(stanza("presence", "subscribed", "", address, sender.bare))
                return [accepted, *self._presence_of(id_, sender.bare)]
            case "probe":
                return list(self._presence_of(id_, str(sender)))
            case "unsubscribe":
                return [Emit(stanza("presence", "unsubscribed", "", address, sender.bare))]
        return []

    def _tell(self, provider: str, id_: str) -> Iterable[Emit]:
        return [emit for one in self.sessions.get(provider, ()) for emit in self._presence_of(id_, one)]

    def _presence_of(self, id_: str, to: str) -> Iterable[Emit]:
        match self.states.get(id_, LinkState.UNKNOWN):
            case LinkState.ONLINE:
                type_ = ""
            case LinkState.OFFLINE:
                type_ = "unavailable"
            case _:
                return []
        return [Emit(stanza("presence", type_, "", self.addresses.heat_pump(id_), to), paced=True)]

    # --- grants -----------------------------------------------------------------------------------

    def _live(self, pair: tuple[str, str], now: float) -> bool:
        return bool(self.roster.grants(*pair, now))

    def _compare(
        self, pair: tuple[str, str], was: bool, live: bool, heat_pump: HeatPump | None
    ) -> list[Effect]:
        if was and not live and heat_pump is not None:
            return self._withdrawn(pair, heat_pump)
        return list(self._tell(*pair)) if live and not was else []

    def _withdrawn(self, pair: tuple[str, str], heat_pump: HeatPump) -> list[Effect]:
        """The provider sees the heat pump go, and the box sees the provider go: its associations end."""
        provider, id_ = pair
        public = self.addresses.heat_pump(id_)
        effects: list[Effect] = []
        for session in self.sessions.get(provider, ()):
            effects.append(Emit(stanza("presence", "unavailable", "", public, session)))
            effects.append(self._alias_gone(provider, session, heat_pump.box))
        return effects

    def _alias_gone(self, provider: str, session: str, box: str) -> Emit:
        alias = self.addresses.alias(provider, Jid.parse(session).resource)
        return Emit(stanza("presence", "unavailable", "", alias, self.addresses.box(box)), paced=True)
