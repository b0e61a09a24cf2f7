"""Heat pumps as contacts of an ordinary chat client: subscriptions (RFC 6121, 3). I/O-free.

A provider without a grant who subscribes asks for one. He hears nothing until somebody grants it, be his
wish open, refused, or for an id that nobody has: his client shows the contact as pending, as it does for
people who have not answered. A stranger is told ``unsubscribed`` at once, whatever the id.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hub.addresses import Addresses, Jid
from hub.presence_effects import Effect, Emit, KeepAsk
from hub.roster import LinkState, Provider, Roster
from hub.stanzas import stanza

Pair = tuple[str, str]
"""The ids of a provider and a heat pump (or group)."""


@dataclass(slots=True)
class Contacts:
    """Which providers follow which heat pumps. ``states`` are those of the boxes.

    ``followers`` are the bare JIDs of providers who are told of one heat pump's presence; ``asked`` those who
    wait for that, as far as they were granted something. ``leads``: of several routers, this one tells them;
    ``alone`` are those that no other one has heard of yet.
    """

    addresses: Addresses
    roster: Roster
    states: dict[str, LinkState]
    followers: dict[Pair, str] = field(default_factory=dict)
    asked: set[Pair] = field(default_factory=set)
    alone: set[Pair] = field(default_factory=set)
    leads: bool = True

    def about(self, provider: Provider | None, type_: str, sender: Jid, id_: str, now: float) -> list[Effect]:
        """A subscription or probe for an id; what nobody has and what is others' is answered alike.

        A probe from a bare JID comes from a server for a subscription that was made before (RFC 6121, 4.3).
        """
        no = self._say("unsubscribed", id_, sender.bare)
        if provider is None:
            return [no] if type_ in ("subscribe", "probe", "unsubscribe") else []
        pair = (provider.id, id_)
        if type_ == "unsubscribe":
            self.followers.pop(pair, None)
            self.asked.discard(pair)
            self.alone.discard(pair)
            return [no, KeepAsk(*pair, asks=False)]
        granted = self._granted(pair, now)
        match type_:
            case "subscribe" if granted:
                return [*self._welcome(pair, sender.bare)]
            case "subscribe":
                self._heard(pair)
                return [KeepAsk(*pair, asks=True)]
            case "probe" if granted:
                if not sender.resource:
                    self._follow(pair, sender.bare)
                return [*self.presence_of(id_, str(sender))]
            case "probe":
                return [no]
        return []

    # --- grants -----------------------------------------------------------------------------------

    def note(self, asked: Iterable[Pair]) -> None:
        """Take over who waits for an answer to his subscription, as every router does; who was granted
        nothing is not kept.
        """
        asked = set(asked)
        self.asked = {pair for pair in self.asked | asked if self.roster.holds_any(*pair)}
        self.alone = (self.alone & self.asked) - asked

    def written(self, wishes: Iterable[Pair], now: float) -> list[Emit]:
        """These wishes that came here are written: a grant known before that did not come with them."""
        late = [pair for pair in wishes if pair not in self.asked and pair not in self.followers]
        for pair in late:
            self._heard(pair)
        return [emit for pair in late for emit in self.granted(pair, now)]

    def start(self, now: float) -> list[Emit]:
        """The hub has just begun: whoever was granted something while it was away hears of it."""
        return [emit for pair in sorted(self.asked) for emit in self.granted(pair, now)]

    def granted(self, pair: Pair, now: float) -> list[Emit]:
        """A grant has begun: whoever waits for it is told."""
        provider = self.roster.providers.get(pair[0])
        tells = self.leads or pair in self.alone
        if not tells or pair not in self.asked or provider is None or not self._granted(pair, now):
            return []
        return list(self._welcome(pair, provider.jid))

    def withdrawn(self, pair: Pair) -> list[Emit]:
        """The last grant has ended: the contact goes, and so does the subscription."""
        follower = self.followers.pop(pair, None)
        if follower is None:
            return []
        gone = stanza("presence", "unavailable", "", self.addresses.heat_pump(pair[1]), follower)
        return [Emit(gone), self._say("unsubscribed", pair[1], follower)]

    def forget(self, provider: str) -> None:
        """Another account stands for this provider: nobody follows in its name any more."""
        self.followers = {pair: one for pair, one in self.followers.items() if pair[0] != provider}
        self.asked = {pair for pair in self.asked if pair[0] != provider}
        self.alone &= self.asked

    def following(self, pair: Pair) -> tuple[str, ...]:
        """The bare JID of a provider that follows a heat pump, if he does."""
        follower = self.followers.get(pair)
        return (follower,) if follower else ()

    def presence_of(self, id_: str, to: str) -> Iterable[Emit]:
        """The presence of a heat pump; nothing while it is unknown."""
        match self.states.get(id_, LinkState.UNKNOWN):
            case LinkState.ONLINE:
                type_ = ""
            case LinkState.OFFLINE:
                type_ = "unavailable"
            case _:
                return []
        return [Emit(stanza("presence", type_, "", self.addresses.heat_pump(id_), to), paced=True)]

    def _heard(self, pair: Pair) -> None:
        if self.roster.holds_any(*pair):
            self.asked.add(pair)
            self.alone.add(pair)

    def _granted(self, pair: Pair, now: float) -> bool:
        return bool(self.roster.grants(*pair, now)) or self.roster.holds_group(*pair, now)

    def _welcome(self, pair: Pair, jid: str) -> Iterable[Emit]:
        self._follow(pair, jid)
        return [self._say("subscribed", pair[1], jid), *self.presence_of(pair[1], jid)]

    def _follow(self, pair: Pair, jid: str) -> None:
        """A group has no presence: nobody follows it."""
        if pair[1] in self.roster.heat_pumps:
            self.followers[pair] = jid

    def _say(self, type_: str, id_: str, to: str) -> Emit:
        return Emit(stanza("presence", type_, "", self.addresses.heat_pump_bare(id_), to))
