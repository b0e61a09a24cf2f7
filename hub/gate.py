"""Lets in so many stanzas of each sender, so that none can take the hub from the others. I/O-free."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from hub.limits import Outstanding, Share, Shares
from hub.roster import Roster
from hub.stanzas import Stanza

SUBSCRIBING = frozenset({"subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe"})
"""Presence that is about one contact: a chat client sends as many at its login as it has contacts, and the
last of them does not stand for the others. It counts as a request."""
MAX_DEFERRED = 10_000
"""Presence stanzas put off because their sender changes too often: the last one of each such sender."""


PROVIDER_SHARE = Share(rate=1_000, burst=4_000)
"""Requests of a provider: in the long run half of what one router carries."""
BOX_SHARE = Share(rate=20, burst=200)
"""Answers and reports of a box, which has no use for more than a few a second."""
STRANGER_SHARE = Share(rate=10, burst=50)
"""Stanzas of a domain none of whose accounts the roster knows."""
PRESENCE_SHARE = Share(rate=0.2, burst=10)
"""Presence changes of one account."""
LEFT_FOR_SINGLE = 0.25
"""Part of a provider's burst that his requests to groups leave: so single ones go through beside them."""
OUTSTANDING = 2_000
"""Requests of a provider without an answer."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one sender may ask for; hub.yaml, section limits."""

    provider: Share = PROVIDER_SHARE
    box: Share = BOX_SHARE
    stranger: Share = STRANGER_SHARE
    presence: Share = PRESENCE_SHARE
    outstanding: int = OUTSTANDING


class Verdict(enum.StrEnum):
    """What to do with a stanza."""

    PASS = "pass"  # noqa: S105  not a password
    RATE = "rate"
    OUTSTANDING = "outstanding"
    LATER = "presence"


PASS = Verdict.PASS


class Gate:
    """Counts what each sender asks for; time is passed in.

    ``operations``: its domain; it paces itself, and its answers from boxes count as these boxes'.
    ``collector``: its domain; it only answers, at its own pace.
    """

    def __init__(self, limits: Limits, roster: Roster, operations: str = "", collector: str = "") -> None:
        self._roster = roster
        self._operations = operations
        self._collector = collector
        self._provider = Shares(limits.provider)
        burst = limits.provider.burst
        self._left_for_single = max(0.0, min(LEFT_FOR_SINGLE * burst, burst - 2.0))
        self._box = Shares(limits.box)
        self._stranger = Shares(limits.stranger)
        self._presence = Shares(limits.presence)
        self._outstanding = Outstanding(limits.outstanding)
        self._deferred: dict[str, Stanza] = {}

    def admit(self, stanza: Stanza, now: float) -> Verdict:
        """Count a stanza of any kind; PASS, or which limit it is over."""
        bare = stanza.sender.partition("/")[0]
        if bare == self._operations:
            return PASS
        if self._roster.provider_of_jid(bare) is not None:
            shares, name = self._provider, bare
        elif self._roster.heat_pump_of_box(bare) is not None:
            shares, name = self._box, bare
        else:
            shares, name = self._stranger, bare.rpartition("@")[2]
            if name == self._collector:
                return Verdict.PASS
        changes = stanza.kind == "presence" and stanza.type not in SUBSCRIBING
        if changes and shares is not self._stranger:
            return self._admit_presence(stanza, now)
        return PASS if shares.take(name, now) else Verdict.RATE

    def member(self, provider_jid: str, now: float) -> bool:
        """One member of a group is about to be asked, which counts as a request; False: it must wait."""
        return self._provider.take(provider_jid, now, leave=self._left_for_single)

    def asked(self, provider: str, heat_pump: str, stanza_id: str, now: float) -> Verdict:
        """A request is about to be forwarded; PASS, or the provider waits for too many answers."""
        free = self._outstanding.asked(provider, (heat_pump, stanza_id), now)
        return PASS if free else Verdict.OUTSTANDING

    def answered(self, provider: str, heat_pump: str, stanza_id: str) -> None:
        """The answer to a request has come."""
        self._outstanding.answered(provider, (heat_pump, stanza_id))

    def due(self, now: float) -> list[Stanza]:
        """What was put off and may be taken now, of each sender the last; call it about once a second."""
        ready = [sender for sender in self._deferred if self._presence.take(sender, now)]
        for shares in (self._provider, self._box, self._stranger, self._presence):
            shares.sweep(now)
        return [self._deferred.pop(sender) for sender in ready]

    def _admit_presence(self, stanza: Stanza, now: float) -> Verdict:
        """What changes too often is put off, never lost: the last word of a sender must count."""
        waits = stanza.sender in self._deferred
        if not waits and self._presence.take(stanza.sender, now):
            return PASS
        if waits or len(self._deferred) < MAX_DEFERRED:
            self._deferred[stanza.sender] = stanza
        return Verdict.LATER
