"""Heat pumps, providers and grants as the router sees them: plain records, changed one by one."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

_NO_SLOTS: Mapping[int, int] = MappingProxyType({})


class Right(enum.StrEnum):
    """What a grant lets through (DESIGN section 4)."""

    READ = "read"
    CONTROL = "control"
    SCHEDULE = "schedule"
    SETTINGS = "settings"
    FILES = "files"
    HISTORY = "history"


class LinkState(enum.StrEnum):
    """State of the link to a box, as the hub last learned it."""

    ONLINE = "online"
    OFFLINE = "offline"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class HeatPump:
    """A heat pump's id and the bare JID of its box."""

    id: str
    box: str


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider's id and its bare JID."""

    id: str
    jid: str


@dataclass(frozen=True, slots=True)
class Grant:
    """What one provider may do with one heat pump, and when.

    ``scope`` holds reference patterns (empty: everything); times are seconds since 1970 UTC; ``until`` None
    is without end.
    """

    key: int
    provider: str
    heat_pump: str
    rights: frozenset[Right]
    scope: tuple[str, ...] = ()
    valid_from: float = 0.0
    until: float | None = None

    def live(self, now: float) -> bool:
        """In force at ``now``."""
        return self.valid_from <= now and (self.until is None or now < self.until)


class SlotChange(NamedTuple):
    """The schedules of a heat pump that a grant may use: those whose instance is ``slot`` (0: none now)."""

    grant: int
    heat_pump: str
    slot: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since an earlier revision. ``removed_*`` hold ids (grants: keys).

    ``leaving`` are removed heat pumps whose boxes are still to be told that grants have ended.
    """

    revision: int
    heat_pumps: tuple[HeatPump, ...] = ()
    providers: tuple[Provider, ...] = ()
    grants: tuple[Grant, ...] = ()
    removed_heat_pumps: tuple[str, ...] = ()
    removed_providers: tuple[str, ...] = ()
    removed_grants: tuple[int, ...] = ()
    slots: tuple[SlotChange, ...] = ()
    leaving: tuple[HeatPump, ...] = ()


@dataclass(slots=True)
class Roster:
    """Everything the router needs to know to judge, in memory."""

    revision: int = 0
    heat_pumps: dict[str, HeatPump] = field(default_factory=dict)
    providers: dict[str, Provider] = field(default_factory=dict)
    leaving: dict[str, HeatPump] = field(default_factory=dict)
    _by_box: dict[str, str] = field(default_factory=dict)
    _by_jid: dict[str, str] = field(default_factory=dict)
    _grants: dict[tuple[str, str], tuple[Grant, ...]] = field(default_factory=dict)
    _grant_pairs: dict[int, tuple[str, str]] = field(default_factory=dict)
    _of_provider: dict[str, set[str]] = field(default_factory=dict)
    _of_heat_pump: dict[str, set[str]] = field(default_factory=dict)
    _leaving_by_box: dict[str, str] = field(default_factory=dict)
    _slots: dict[str, dict[int, int]] = field(default_factory=dict)

    def pairs_of(self, changes: Changes) -> set[tuple[str, str]]:
        """The (provider, heat pump) pairs whose grants these changes touch; ask before applying them."""
        pairs = {(grant.provider, grant.heat_pump) for grant in changes.grants}
        keys = (*changes.removed_grants, *(grant.key for grant in changes.grants))
        return pairs | {self._grant_pairs[key] for key in keys if key in self._grant_pairs}

    def apply(self, changes: Changes) -> None:
        """Take over changes; afterwards every decision is made by them."""
        for key in changes.removed_grants:
            self._drop_grant(key)
        for removed in changes.removed_heat_pumps:
            self._drop_heat_pump(removed)
        for removed in changes.removed_providers:
            self._drop_provider(removed)
        for heat_pump in changes.heat_pumps:
            self._drop_heat_pump(heat_pump.id)
            self.leaving.pop(self._leaving_by_box.pop(heat_pump.box, ""), None)
            self.heat_pumps[heat_pump.id] = heat_pump
            self._by_box[heat_pump.box] = heat_pump.id
        for provider in changes.providers:
            self._drop_provider(provider.id)
            self.providers[provider.id] = provider
            self._by_jid[provider.jid] = provider.id
        for grant in changes.grants:
            self._drop_grant(grant.key)
            self._add_grant(grant)
        for heat_pump in changes.leaving:
            self.leaving[heat_pump.id] = heat_pump
            self._leaving_by_box[heat_pump.box] = heat_pump.id
        for change in changes.slots:
            self._set_slot(change)
        self.revision = changes.revision

    def heat_pump_of_box(self, bare_jid: str) -> HeatPump | None:
        """The heat pump whose box has this bare JID."""
        found = self._by_box.get(bare_jid)
        return self.heat_pumps[found] if found else None

    def box_of(self, heat_pump: str) -> str | None:
        """The box of a heat pump, also of one that is leaving; None if there is none."""
        found = self.heat_pumps.get(heat_pump) or self.leaving.get(heat_pump)
        return found.box if found else None

    def leaving_of_box(self, bare_jid: str) -> HeatPump | None:
        """The leaving heat pump whose box has this bare JID."""
        found = self._leaving_by_box.get(bare_jid)
        return self.leaving[found] if found else None

    def slots(self, heat_pump: str) -> Mapping[int, int]:
        """By the grant's key, which instance of the schedules of a heat pump is ready for it."""
        return self._slots.get(heat_pump, _NO_SLOTS)

    def provider_of_jid(self, bare_jid: str) -> Provider | None:
        """The provider with this bare JID."""
        found = self._by_jid.get(bare_jid)
        return self.providers[found] if found else None

    def grants(self, provider: str, heat_pump: str, now: float) -> tuple[Grant, ...]:
        """The live grants of a provider for a heat pump: one look-up, the same cost whatever is known."""
        return tuple([grant for grant in self._grants.get((provider, heat_pump), ()) if grant.live(now)])

    def providers_of(self, heat_pump: str, now: float) -> Iterable[str]:
        """Ids of the providers that hold a live grant for a heat pump."""
        return [one for one in self._of_heat_pump.get(heat_pump, ()) if self.grants(one, heat_pump, now)]

    def heat_pumps_of(self, provider: str, now: float) -> Iterable[str]:
        """Ids of the heat pumps a provider holds a live grant for."""
        return [one for one in self._of_provider.get(provider, ()) if self.grants(provider, one, now)]

    def _add_grant(self, grant: Grant) -> None:
        pair = (grant.provider, grant.heat_pump)
        self._grants[pair] = (*self._grants.get(pair, ()), grant)
        self._grant_pairs[grant.key] = pair
        self._of_provider.setdefault(grant.provider, set()).add(grant.heat_pump)
        self._of_heat_pump.setdefault(grant.heat_pump, set()).add(grant.provider)

    def _drop_grant(self, key: int) -> None:
        pair = self._grant_pairs.pop(key, None)
        if pair is None:
            return
        kept = tuple(grant for grant in self._grants[pair] if grant.key != key)
        if kept:
            self._grants[pair] = kept
            return
        del self._grants[pair]
        provider, heat_pump = pair
        self._of_provider[provider].discard(heat_pump)
        self._of_heat_pump[heat_pump].discard(provider)

    def _set_slot(self, change: SlotChange) -> None:
        if change.slot:
            self._slots.setdefault(change.heat_pump, {})[change.grant] = change.slot
            return
        there = self._slots.get(change.heat_pump, {})
        there.pop(change.grant, None)
        if not there:
            self._slots.pop(change.heat_pump, None)

    def _drop_heat_pump(self, id_: str) -> None:
        left = self.leaving.pop(id_, None)
        if left and self._leaving_by_box.get(left.box) == id_:
            del self._leaving_by_box[left.box]
        dropped = self.heat_pumps.pop(id_, None)
        if dropped and self._by_box.get(dropped.box) == id_:
            del self._by_box[dropped.box]

    def _drop_provider(self, id_: str) -> None:
        dropped = self.providers.pop(id_, None)
        if dropped and self._by_jid.get(dropped.jid) == id_:
            del self._by_jid[dropped.jid]
