"""Who is there, and who is told: presence of boxes and providers (DESIGN section 3). I/O-free.

A heat pump's presence is its box's link state. It is unknown until its box has answered the hub's own
presence, and it is passed on to exactly the providers that hold a live grant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from hub.addresses import HEAT_PUMP_RESOURCE, RESERVED, Addresses, Jid
from hub.bounds import Bounds
from hub.contacts import Contacts
from hub.presence_effects import Effect, Emit, Keep, KeepSession
from hub.roster import Changes, HeatPump, LinkState, Roster, domain_of
from hub.stanzas import Stanza, stanza

ANSWER_WITHIN = 25.0
"""Seconds a box has to answer the hub's presence: its server knows of a cut wired link after 24 s, and all is
to be known within 30 s."""
HANDFUL = 200
"""Pairs of provider and heat pump looked at, and stanzas made of that, before others get a turn: some
milliseconds of work."""
MAX_SESSIONS = 32
"""Sessions (full JIDs) of one provider that are told of presence."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What other routers heard: link states, and every session with its provider.

    ``told_elsewhere``: the sessions that another router tells of presence. ``anew``: all that was known had
    been given up in between, so a session that is missing has not gone.
    """

    states: tuple[tuple[str, LinkState], ...]
    sessions: tuple[tuple[str, str], ...]
    told_elsewhere: frozenset[str]
    anew: bool = False


@dataclass(slots=True)
class PresenceBoard:
    """Link states of all heat pumps and sessions of all providers.

    ``contacts``: chat clients that subscribed to one heat pump. ``elsewhere``: sessions that another router
    tells.
    """

    addresses: Addresses
    roster: Roster
    states: dict[str, LinkState] = field(default_factory=dict)
    sessions: dict[str, set[str]] = field(default_factory=dict)
    contacts: Contacts = field(init=False)
    elsewhere: set[str] = field(default_factory=set)
    bounds: Bounds = field(default_factory=Bounds)
    _asked: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.contacts = Contacts(self.addresses, self.roster, self.states)

    # --- what happens -----------------------------------------------------------------------------

    def start(self, now: float, *, away: bool = False) -> list[Effect]:
        """Nothing is known, everybody is asked.

        ``away``: no router was there, so nobody heard who went. All are told that the hub had gone:
        boxes end their associations, providers believe nothing that they were told before.
        """
        self._forget_all()
        effects: list[Effect] = []
        for heat_pump in self.roster.heat_pumps.values():
            effects += self._ask(heat_pump, now, away=away)
        effects += [self._hub_presence(one.jid, away=away) for one in self.roster.providers.values()]
        return [*effects, *self.contacts.start(now)]

    def stop(self, now: float) -> list[Effect]:
        """The hub's link is down: nothing is known any more."""
        effects: list[Effect] = []
        for id_ in list(self.states):
            effects += self._set(id_, LinkState.UNKNOWN, now)
        self._forget_all()
        return effects

    def asked(self, heat_pump: str, now: float) -> None:
        """The question to a box has left: from now on it has ANSWER_WITHIN to answer."""
        if self.states.get(heat_pump) is LinkState.UNKNOWN:
            self._asked[heat_pump] = now

    def handle(self, presence: Stanza, now: float) -> list[Effect]:
        """A presence stanza came."""
        sender, to = Jid.parse(presence.sender), Jid.parse(presence.to)
        heat_pump = self.roster.heat_pump_of_box(sender.bare)
        if heat_pump is not None:
            to_hub = not to.local and sender.resource == HEAT_PUMP_RESOURCE
            return self._box(heat_pump, presence.type, now) if to_hub else []
        provider = self.roster.provider_of_jid(sender.bare)
        if to.local and presence.type != "error":
            return self.contacts.about(provider, presence.type, sender, to.local, now)
        if sender.resource.startswith(RESERVED):
            return []  # as which alias it comes and goes is for operations to say
        # What is passed on to a session comes from a heat pump's address, and bounces to there.
        return self._provider(provider.id, presence.type, str(sender), now) if provider else []

    def change(self, changes: Changes, now: float) -> list[Effect]:
        """Apply changes to the roster and tell everybody concerned."""
        gone = {*changes.removed_heat_pumps, *changes.removed_providers}
        before = {
            pair: (
                any(self._live(pair, at) for at in self.bounds.since(now)),
                self.roster.heat_pumps.get(pair[1]),
            )
            for pair in self.roster.pairs_of(changes)
        }
        sessions = [one for id_ in changes.removed_providers for one in self._told_here(id_)]
        kept = [(self.roster.heat_pumps.get(one.id), one) for one in changes.heat_pumps if one.id not in gone]
        replaced = [old for old, new in kept if old is not None and old.box != new.box]
        known = [(self.roster.providers.get(one.id), one) for one in changes.providers if one.id not in gone]
        moved = [old.id for old, new in known if old is not None and old.jid != new.jid]
        sessions += [one for id_ in moved for one in self._told_here(id_)]
        left = [self.roster.heat_pumps[id_].box for id_ in gone if id_ in self.roster.heat_pumps]
        left += [old.box for old in replaced]
        self.roster.apply(changes)
        self.contacts.note(changes.asked)
        effects: list[Effect] = []
        for pair, (was, heat_pump) in before.items():
            still = self._live(pair, now) and gone.isdisjoint(pair)
            effects += self._compare(pair, was, still, heat_pump, now)
        for grant in changes.grants:
            if grant.group and grant.live(now):
                effects += self.contacts.granted((grant.provider, grant.group), now)
        for provider in moved:  # another account stands for it, or none: the former one is a stranger's
            for id_ in self.roster.heat_pumps_of(provider, now):
                effects += self._withdrawn((provider, id_), self.roster.heat_pumps[id_])
            self.contacts.forget(provider)
        for id_ in (*gone, *moved):
            self.sessions.pop(id_, None)
        for id_ in gone:  # an id may have been given anew: to another one, of whom nothing is known yet
            self.states.pop(id_, None)
            self._asked.pop(id_, None)
        boxes = [self.addresses.box(box) for box in left if self.roster.heat_pump_of_box(box) is None]
        effects += [self._left(one) for one in (*boxes, *sessions)]
        self.bounds.note(changes.grants, now)
        for old in replaced:  # what is associated with the former box must end before the new one is there
            self.states[old.id] = LinkState.OFFLINE
            effects += [Keep(old.id, LinkState.OFFLINE, now), *self._tell_all(old.id, now)]
        for heat_pump in changes.heat_pumps:
            effects += self._ask(heat_pump, now)
        effects += [self._hub_presence(one.jid) for one in changes.providers]
        return effects

    def begin(self, changes: Changes, now: float) -> None:
        """The first roster, before the link is up: nobody can be asked or told yet, ``start`` does that."""
        self.roster.apply(changes)
        self.contacts.note(changes.asked)
        self.bounds.note(changes.grants, now)

    def learn(self, learned: Learned, unwritten: Collection[str], now: float) -> list[Effect]:
        """Take over what other routers heard; ``unwritten``: ids and sessions this one knows better."""
        effects: list[Effect] = []
        for id_, state in learned.states:
            if id_ in unwritten:
                continue
            if state is not LinkState.UNKNOWN:
                self._asked.pop(id_, None)
            if self.states.get(id_) is not state:
                self.states[id_] = state
                effects += self._tell_all(id_, now)
        there = {session for _, session in learned.sessions}
        for provider, known in self.sessions.items():
            for session in [one for one in known if one not in there and one not in unwritten]:
                known.discard(session)
                if not learned.anew and session not in self.elsewhere:
                    effects += self._gone(provider, session, now)
        for provider, session in learned.sessions:
            if session not in unwritten:
                self.sessions.setdefault(provider, set()).add(session)
        kept = {one for one in self.elsewhere if one in unwritten}
        self.elsewhere = kept | {one for one in learned.told_elsewhere if one not in unwritten}
        return effects

    def tick(self, now: float) -> list[Effect]:
        """Time went on: grants began or ended, boxes did not answer."""
        effects = self.turn(now)
        silent = [id_ for id_, asked in self._asked.items() if now - asked >= ANSWER_WITHIN]
        for id_ in silent:
            del self._asked[id_]
            effects += self._set(id_, LinkState.OFFLINE, now, silent=True)
        return effects

    def turn(self, now: float) -> list[Effect]:
        """Tell of a handful of the grants that began or ended; while ``bounds`` is behind, there are more.

        Only telling takes its time: what a provider may do follows from the clock.
        """
        effects: list[Effect] = []
        for _ in range(HANDFUL):
            due = self.bounds.next(now, self.roster.members)
            if due is None:
                break
            pair = (due.provider, due.on)
            if due.group:
                effects += self.contacts.granted(pair, now)
            else:
                there = self.roster.heat_pumps.get(due.on)
                was, live = self._live(pair, due.before), self._live(pair, now)
                effects += self._compare(pair, was, live, there, now)
            if len(effects) >= HANDFUL:
                break
        return effects

    # --- domains ----------------------------------------------------------------------------------

    def unreachable(self, domain: str, now: float) -> list[Effect]:
        """A domain cannot be reached: its boxes are offline and its providers' sessions have gone."""
        effects: list[Effect] = []
        for id_, heat_pump in self.roster.heat_pumps.items():
            if domain_of(heat_pump.box) == domain and self.states.get(id_) is not LinkState.OFFLINE:
                self._asked.pop(id_, None)
                effects += self._set(id_, LinkState.OFFLINE, now)
        for id_, provider in self.roster.providers.items():
            if domain_of(provider.jid) == domain:
                for session in list(self.sessions.get(id_, ())):
                    effects += self._provider(id_, "unavailable", session, now)
        return effects

    def reachable(self, domain: str, now: float) -> list[Effect]:
        """A domain can be reached again: who of it is there, nobody has told."""
        effects: list[Effect] = []
        for heat_pump in self.roster.heat_pumps.values():
            if domain_of(heat_pump.box) == domain:
                effects += self._ask(heat_pump, now)
        here = [one.jid for one in self.roster.providers.values() if domain_of(one.jid) == domain]
        return [*effects, *(self._hub_presence(jid) for jid in here)]

    def doubt(self, box: str, now: float) -> list[Effect]:
        """A server answered for this box (bare JID), which was thought to be online: it is asked."""
        heat_pump = self.roster.heat_pump_of_box(box)
        online = heat_pump is not None and self.states.get(heat_pump.id) is LinkState.ONLINE
        return self._ask(heat_pump, now) if heat_pump is not None and online else []

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

    def _set(self, id_: str, state: LinkState, now: float, *, silent: bool = False) -> list[Effect]:
        keep = Keep(id_, state, now, silent)
        if self.states.get(id_) is state:
            return [keep] if state is not LinkState.UNKNOWN else []
        self.states[id_] = state
        return [keep, *self._tell_all(id_, now)]

    def _tell_all(self, id_: str, now: float) -> list[Emit]:
        if self.states[id_] is LinkState.UNKNOWN:
            return []  # nobody is told of that
        return [emit for one in self.roster.providers_of(id_, now) for emit in self._tell(one, id_)]

    def _ask(self, heat_pump: HeatPump, now: float, *, away: bool = False) -> list[Effect]:
        effects = self._set(heat_pump.id, LinkState.UNKNOWN, now)
        return [*effects, self._hub_presence(self.addresses.box(heat_pump.box), heat_pump.id, away=away)]

    def _left(self, jid: str) -> Emit:
        """Whoever was removed is told that there is no hub for him any more: no association stays."""
        return Emit(stanza("presence", "unavailable", "", self.addresses.domain, jid))

    def _hub_presence(self, to: str, asks: str = "", *, away: bool = False) -> Emit:
        gone = stanza("presence", "unavailable", "", self.addresses.domain, to) if away else ""
        here = stanza("presence", "", "", self.addresses.domain, to)
        return Emit(gone + here, paced=True, asks=asks)

    def _forget_all(self) -> None:
        self.sessions.clear()
        self.contacts.followers.clear()
        self.elsewhere.clear()
        self._asked.clear()

    # --- providers --------------------------------------------------------------------------------

    def _provider(self, provider: str, type_: str, session: str, now: float) -> list[Effect]:
        sessions = self.sessions.setdefault(provider, set())
        if type_ == "" and (session in sessions or len(sessions) < MAX_SESSIONS):
            sessions.add(session)
            self.elsewhere.discard(session)
            told = [
                emit
                for id_ in self.roster.heat_pumps_of(provider, now)
                for emit in self.contacts.presence_of(id_, session)
            ]
            return [KeepSession(provider, session, True, now), *told]
        if type_ in ("unavailable", "error"):
            went = KeepSession(provider, session, False, now)
            if session not in sessions:
                return [went]  # the router that tells it has perhaps not written it yet
            sessions.discard(session)
            self.elsewhere.discard(session)
            return [went, *self._gone(provider, session, now)]
        return []

    def _gone(self, provider: str, session: str, now: float) -> list[Emit]:
        """Tell the boxes that a session of a provider is gone: its associations end."""
        return [
            self._alias_gone(provider, session, self.roster.heat_pumps[id_].box)
            for id_ in dict.fromkeys(
                one for at in self.bounds.since(now) for one in self.roster.heat_pumps_of(provider, at)
            )
            if self.states.get(id_) is not LinkState.OFFLINE
        ]

    def _tell(self, provider: str, id_: str) -> Iterable[Emit]:
        told = [*self._told_here(provider), *self.contacts.following((provider, id_))]
        return [emit for one in told for emit in self.contacts.presence_of(id_, one)]

    def _told_here(self, provider: str) -> list[str]:
        return [one for one in self.sessions.get(provider, ()) if one not in self.elsewhere]

    # --- grants -----------------------------------------------------------------------------------

    def _live(self, pair: tuple[str, str], now: float) -> bool:
        return bool(self.roster.grants(*pair, now))

    def _compare(
        self, pair: tuple[str, str], was: bool, live: bool, heat_pump: HeatPump | None, now: float
    ) -> list[Effect]:
        if was and not live and heat_pump is not None:
            return self._withdrawn(pair, heat_pump)
        if live and not was:
            return [*self._tell(*pair), *self.contacts.granted(pair, now)]
        return []

    def _withdrawn(self, pair: tuple[str, str], heat_pump: HeatPump) -> list[Effect]:
        """The provider sees the heat pump go, and the box sees the provider go: its associations end."""
        provider, id_ = pair
        public = self.addresses.heat_pump(id_)
        effects: list[Effect] = []
        for session in self._told_here(provider):
            effects.append(Emit(stanza("presence", "unavailable", "", public, session)))
            effects.append(self._alias_gone(provider, session, heat_pump.box))
        return [*effects, *self.contacts.withdrawn(pair)]

    def _alias_gone(self, provider: str, session: str, box: str) -> Emit:
        alias = self.addresses.alias(provider, Jid.parse(session).resource)
        return Emit(stanza("presence", "unavailable", "", alias, self.addresses.box(box)), paced=True)
