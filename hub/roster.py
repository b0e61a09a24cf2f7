"""Heat pumps, groups, providers and grants as the router sees them: plain records, changed one by one."""

from __future__ import annotations

import enum
import math
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

MAX_REACHES = 256
"""Lists of who reaches whom that are kept, the longest unused dropped first: of the largest groups
they are 40 MB."""
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


class Member(NamedTuple):
    """A heat pump in a group, by their ids."""

    group: str
    heat_pump: str


@dataclass(frozen=True, slots=True)
class Grant:
    """What one provider may do with one heat pump, or with each in ``group`` (then ``heat_pump`` is empty),
    and when.

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
    group: str = ""

    def live(self, now: float) -> bool:
        """In force at ``now``."""
        return self.valid_from <= now and (self.until is None or now < self.until)

    def changes(self, now: float) -> float:
        """When it begins or ends next after ``now``; infinity: never."""
        if now < self.valid_from:
            return self.valid_from
        return self.until if self.until is not None and now < self.until else math.inf


class SlotChange(NamedTuple):
    """The schedules of a heat pump that a grant may use: those whose instance is ``slot`` (0: none now)."""

    grant: int
    heat_pump: str
    slot: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since an earlier revision. ``removed_*`` hold ids (grants: keys).

    Members end by themselves when their group or heat pump does, grants when theirs does: they are named too.
    ``leaving`` are removed heat pumps whose boxes are still to be told that grants have ended. ``asked``: by
    provider, the ids that providers subscribed to who were granted something now.
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
    members: tuple[Member, ...] = ()
    removed_members: tuple[Member, ...] = ()
    asked: tuple[tuple[str, str], ...] = ()


class _Reach(NamedTuple):
    """Whom a provider reaches, in a group or at all; so until a grant begins or ends, or anything changes."""

    ids: tuple[str, ...]
    until: float


@dataclass(slots=True)
class Roster:
    """Everything the router needs to know to judge, in memory.

    A grant on a group counts for each of its members when it is asked for: for one that came later too, for
    one that left no longer.

    ``domains``: how many boxes and providers are at home in each.
    """

    revision: int = 0
    heat_pumps: dict[str, HeatPump] = field(default_factory=dict)
    providers: dict[str, Provider] = field(default_factory=dict)
    leaving: dict[str, HeatPump] = field(default_factory=dict)
    domains: Counter[str] = field(default_factory=Counter)
    _by_box: dict[str, str] = field(default_factory=dict)
    _by_jid: dict[str, str] = field(default_factory=dict)
    _grants: dict[tuple[str, str], tuple[Grant, ...]] = field(default_factory=dict)
    _group_grants: dict[tuple[str, str], tuple[Grant, ...]] = field(default_factory=dict)
    _by_key: dict[int, Grant] = field(default_factory=dict)
    _of_provider: dict[str, set[str]] = field(default_factory=dict)
    _of_heat_pump: dict[str, set[str]] = field(default_factory=dict)
    _leaving_by_box: dict[str, str] = field(default_factory=dict)
    _slots: dict[str, dict[int, int]] = field(default_factory=dict)
    _groups_of_provider: dict[str, set[str]] = field(default_factory=dict)
    _providers_of_group: dict[str, set[str]] = field(default_factory=dict)
    _members: dict[str, set[str]] = field(default_factory=dict)
    _groups_of: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _reaches: OrderedDict[tuple[str, str], _Reach] = field(default_factory=OrderedDict)

    def pairs_of(self, changes: Changes) -> set[tuple[str, str]]:
        """The (provider, heat pump) pairs whose grants these changes touch; ask before applying them."""
        known = (self._by_key.get(key) for key in changes.removed_grants)
        replaced = (self._by_key.get(grant.key) for grant in changes.grants)
        touched = [*changes.grants, *filter(None, known), *filter(None, replaced)]
        pairs = {(grant.provider, grant.heat_pump) for grant in touched if not grant.group}
        coming: dict[str, set[str]] = {}
        for group, heat_pump in changes.members:
            coming.setdefault(group, set()).add(heat_pump)
        for provider, group in {(grant.provider, grant.group) for grant in touched if grant.group}:
            pairs |= {(provider, one) for one in self._members.get(group, set()) | coming.get(group, set())}
        for group, heat_pump in (*changes.members, *changes.removed_members):
            pairs |= {(provider, heat_pump) for provider in self._providers_of_group.get(group, ())}
        return pairs

    def members(self, group: str) -> Iterable[str]:
        """Ids of the heat pumps in a group now."""
        return tuple(self._members.get(group, ()))

    def apply(self, changes: Changes) -> None:
        """Take over changes; afterwards every decision is made by them."""
        self._reaches.clear()
        for key in changes.removed_grants:
            self._drop_grant(key)
        for member in changes.removed_members:
            self._drop_member(member)
        for removed in changes.removed_heat_pumps:
            self._drop_heat_pump(removed)
        for removed in changes.removed_providers:
            self._drop_provider(removed)
        for heat_pump in changes.heat_pumps:
            self._drop_heat_pump(heat_pump.id)
            self.leaving.pop(self._leaving_by_box.pop(heat_pump.box, ""), None)
            self.heat_pumps[heat_pump.id] = heat_pump
            self._by_box[heat_pump.box] = heat_pump.id
            self.domains[domain_of(heat_pump.box)] += 1
        for provider in changes.providers:
            self._drop_provider(provider.id)
            self.providers[provider.id] = provider
            self._by_jid[provider.jid] = provider.id
            self.domains[domain_of(provider.jid)] += 1
        for member in changes.members:
            self._add_member(member)
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
        """The live grants of a provider for a heat pump, its own and those of its groups."""
        found = self._grants.get((provider, heat_pump), ())
        for group in self._groups_of.get(heat_pump, ()):
            found += self._group_grants.get((provider, group), ())
        return tuple([grant for grant in found if grant.live(now)])

    def holds_group(self, provider: str, group: str, now: float) -> bool:
        """A provider holds a live grant on a group itself."""
        return any(grant.live(now) for grant in self._group_grants.get((provider, group), ()))

    def holds_any(self, provider: str, id_: str) -> bool:
        """A provider holds a grant for a heat pump or on a group, be it in force or to come."""
        groups = (id_, *self._groups_of.get(id_, ()))
        return (provider, id_) in self._grants or any((provider, one) in self._group_grants for one in groups)

    def providers_of(self, heat_pump: str, now: float) -> Iterable[str]:
        """Ids of the providers that hold a live grant for a heat pump."""
        known = set(self._of_heat_pump.get(heat_pump, ()))
        for group in self._groups_of.get(heat_pump, ()):
            known |= self._providers_of_group.get(group, set())
        return [one for one in known if self.grants(one, heat_pump, now)]

    def heat_pumps_of(self, provider: str, now: float) -> Iterable[str]:
        """Ids of the heat pumps a provider holds a live grant for."""
        known = set(self._of_provider.get(provider, ()))
        for group in self._groups_of_provider.get(provider, ()):
            known |= self._members.get(group, set())
        return [one for one in known if self.grants(provider, one, now)]

    def reached(self, provider: str, group: str, now: float) -> tuple[str, ...]:
        """Ids of the members of a group that a provider holds a live grant for, in order.

        Remembered, for a group is asked for its members page by page.
        """
        if group not in self._members:
            return ()
        return self._remembered(provider, group, now)

    def seen(self, provider: str, now: float) -> tuple[str, ...]:
        """Ids of the heat pumps that a provider holds a live grant for, and of the groups that he holds one
        on, in order. Remembered too.
        """
        return self._remembered(provider, "", now) if provider else ()

    def everything(self) -> tuple[str, ...]:
        """Ids of all heat pumps, and of groups that have one or that a grant is on, in order. Remembered."""
        reach = self._reaches.get(("", ""))
        if reach is None:
            found = {*self.heat_pumps, *self._members, *self._providers_of_group}
            reach = self._reaches["", ""] = _Reach(tuple(sorted(found)), math.inf)
        return reach.ids

    def _remembered(self, provider: str, group: str, now: float) -> tuple[str, ...]:
        """Of the members of a group, or (empty) of all that the provider's grants are on."""
        reach = self._reaches.get((provider, group))
        if reach is None or reach.until <= now:
            reach = self._reach(provider, group, now) if group else self._all_seen(provider, now)
            self._reaches[provider, group] = reach
            while len(self._reaches) > MAX_REACHES:
                self._reaches.popitem(last=False)
        self._reaches.move_to_end((provider, group))
        return reach.ids

    def _all_seen(self, provider: str, now: float) -> _Reach:
        """Whoever is in a group comes with it, without being looked at: some have thousands."""
        found: set[str] = set()
        until = math.inf
        for one in self._of_provider.get(provider, ()):
            for grant in self._grants[provider, one]:
                if grant.live(now):
                    found.add(one)
                until = min(until, grant.changes(now))
        for group in self._groups_of_provider.get(provider, ()):
            for grant in self._group_grants[provider, group]:
                if grant.live(now):
                    found.add(group)
                    found |= self._members.get(group, set())
                until = min(until, grant.changes(now))
        return _Reach(tuple(sorted(found)), until)

    def _reach(self, provider: str, group: str, now: float) -> _Reach:
        """All grants that count for a member say until when the answer is the same."""
        found, until = [], math.inf
        for member in self._members.get(group, ()):
            held = self._grants.get((provider, member), ())
            for one in self._groups_of.get(member, ()):
                held += self._group_grants.get((provider, one), ())
            if any(grant.live(now) for grant in held):
                found.append(member)
            for grant in held:
                until = min(until, grant.changes(now))
        return _Reach(tuple(sorted(found)), until)

    def _add_grant(self, grant: Grant) -> None:
        held, on, of_provider, of_target = self._tables(grant)
        pair = (grant.provider, on)
        held[pair] = (*held.get(pair, ()), grant)
        self._by_key[grant.key] = grant
        of_provider.setdefault(grant.provider, set()).add(on)
        of_target.setdefault(on, set()).add(grant.provider)

    def _drop_grant(self, key: int) -> None:
        grant = self._by_key.pop(key, None)
        if grant is None:
            return
        held, on, of_provider, of_target = self._tables(grant)
        pair = (grant.provider, on)
        kept = tuple(one for one in held[pair] if one.key != key)
        if kept:
            held[pair] = kept
            return
        del held[pair]
        for table, id_, other in ((of_provider, grant.provider, on), (of_target, on, grant.provider)):
            table[id_].discard(other)
            if not table[id_]:
                del table[id_]

    def _tables(
        self, grant: Grant
    ) -> tuple[dict[tuple[str, str], tuple[Grant, ...]], str, dict[str, set[str]], dict[str, set[str]]]:
        """Where a grant is kept, and under which id: a heat pump's or a group's."""
        if grant.group:
            return self._group_grants, grant.group, self._groups_of_provider, self._providers_of_group
        return self._grants, grant.heat_pump, self._of_provider, self._of_heat_pump

    def _add_member(self, member: Member) -> None:
        group, heat_pump = member
        self._members.setdefault(group, set()).add(heat_pump)
        groups = self._groups_of.get(heat_pump, ())
        if group not in groups:
            self._groups_of[heat_pump] = (*groups, group)

    def _drop_member(self, member: Member) -> None:
        group, heat_pump = member
        members = self._members.get(group)
        if members is None or heat_pump not in members:
            return
        members.discard(heat_pump)
        if not members:
            del self._members[group]
        left = tuple(one for one in self._groups_of[heat_pump] if one != group)
        if left:
            self._groups_of[heat_pump] = left
        else:
            del self._groups_of[heat_pump]

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
        self._one_less(dropped.box if dropped else "")
        if dropped and self._by_box.get(dropped.box) == id_:
            del self._by_box[dropped.box]

    def _drop_provider(self, id_: str) -> None:
        dropped = self.providers.pop(id_, None)
        self._one_less(dropped.jid if dropped else "")
        if dropped and self._by_jid.get(dropped.jid) == id_:
            del self._by_jid[dropped.jid]

    def _one_less(self, bare_jid: str) -> None:
        domain = domain_of(bare_jid)
        if self.domains[domain] > 1:
            self.domains[domain] -= 1
        else:
            del self.domains[domain]


def domain_of(bare_jid: str) -> str:
    """Where an account is at home."""
    return bare_jid.rpartition("@")[2]
