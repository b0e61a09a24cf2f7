"""Who is served when, and what he is told: I/O-free, time passed in.

A guest has neither name nor address here; how many there are and from where is for the XMPP server to bound
(mod_hub_guests). What is bounded here is what each and all may ask, and how fast anybody learns that a code
is wrong. An answer never tells whether there is such a code.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection
from dataclasses import dataclass

from hub.addresses import Jid
from hub.limits import Share, Shares
from hub.stanzas import Condition, Stanza, error, stanza
from iec61850_model.enrolment.messages import (
    AskAuthorities,
    Authorities,
    Enrol,
    Issued,
    Malformed,
    Renew,
    decode_request,
    encode_answer,
)

GUEST_SHARE = Share(rate=0.1, burst=3)
"""Of one guest: he asks for the authorities and for a certificate, and once more if something went wrong."""
ALL_GUESTS = Share(rate=10, burst=50)
"""Of all guests together: a certificate is some milliseconds of work; 10 a second are 36,000 an hour."""
BOX_SHARE = Share(rate=1 / 300, burst=5)
"""Of one box or provider: it asks every 20 days, and when something went wrong again after an hour."""
MAX_IN_HAND = 64
"""Requests being worked on."""
FIRST_DELAY = 0.5
"""Seconds until somebody is told that his code is wrong, if nobody else was."""
LAST_DELAY = 30.0
"""The longest such time, after six wrong ones: a guest is sent away after 60 s."""
WRONG_COUNTS_FOR = 600.0
"""Seconds for which a wrong code makes the next one slower, whoever gives it."""
MAX_COUNTED = 16
"""Wrong ones counted at a time: with six the longest delay is reached."""
MAX_HELD = 1_000
"""Refusals held back at one time; who comes then is not answered."""


@dataclass(frozen=True, slots=True)
class Work:
    """A request that may be looked at."""

    stanza: Stanza
    asked: Enrol | Renew
    sender: Jid


@dataclass(frozen=True, slots=True)
class Reply:
    """A stanza to be sent ``after`` so many seconds."""

    xml: str
    after: float = 0.0


class Desk:
    """The limits of one enrolment component and its answers.

    ``guests``: the domain of those who have no account, ``accounts``: those of boxes and providers who have;
    nobody else is served. ``authorities``: who vouches for the server (DER).
    """

    def __init__(self, guests: str, accounts: Collection[str], authorities: tuple[bytes, ...]) -> None:
        self._guests = guests
        self._authorities = authorities
        self._each = {guests: Shares(GUEST_SHARE)} | dict.fromkeys(accounts, Shares(BOX_SHARE))
        self._all = Shares(ALL_GUESTS)
        self._in_hand: set[str] = set()
        self._wrong: deque[float] = deque(maxlen=MAX_COUNTED)
        self._held = 0
        self.counts: Counter[str] = Counter()
        """What was answered: issued, renewed, refused, malformed, over limit, dropped."""

    def take(self, one: Stanza, now: float) -> Work | Reply | None:
        """A stanza came: it is worked on, answered, or nothing."""
        if one.kind != "iq" or one.type not in ("get", "set"):
            return None
        sender = Jid.parse(one.sender)
        shares = self._each.get(sender.domain)
        if shares is None or not sender.local or "@" in one.to or "/" in one.to:
            return self._error(one, Condition.SERVICE_UNAVAILABLE)
        if not self._admitted(shares, sender, now):
            self.counts["over limit"] += 1
            return self._error(one, Condition.RESOURCE_CONSTRAINT)
        try:
            asked = decode_request(one.type, one.children)
        except Malformed:
            self.counts["malformed"] += 1
            return self._error(one, Condition.BAD_REQUEST)
        if isinstance(asked, AskAuthorities):
            return Reply(self._result(one, Authorities(self._authorities)))
        if isinstance(asked, Enrol) and sender.domain != self._guests:
            return self._error(one, Condition.NOT_ALLOWED)
        self._in_hand.add(one.sender)
        return Work(one, asked, sender)

    def issued(self, work: Work, answer: Issued) -> Reply:
        """It has its certificate."""
        self._in_hand.discard(work.stanza.sender)
        self.counts["issued" if isinstance(work.asked, Enrol) else "renewed"] += 1
        return Reply(self._result(work.stanza, answer))

    def malformed(self, work: Work) -> Reply:
        """What it asks for can be nobody's."""
        self._in_hand.discard(work.stanza.sender)
        self.counts["malformed"] += 1
        return self._error(work.stanza, Condition.BAD_REQUEST)

    def failed(self, work: Work) -> Reply:
        """It is our own fault: it may ask again."""
        self._in_hand.discard(work.stanza.sender)
        self.counts["failed"] += 1
        return self._error(work.stanza, Condition.INTERNAL_SERVER_ERROR)

    def refused(self, work: Work, now: float) -> Reply | None:
        """It gets none, and learns so late; call ``told`` when it was told. None: it is told nothing."""
        self.counts["refused"] += 1
        while self._wrong and now - self._wrong[0] >= WRONG_COUNTS_FOR:
            self._wrong.popleft()
        delay = min(FIRST_DELAY * 2 ** len(self._wrong), LAST_DELAY)
        self._wrong.append(now)
        if self._held >= MAX_HELD:
            self.counts["dropped"] += 1
            self._in_hand.discard(work.stanza.sender)
            return None
        self._held += 1
        return Reply(self._error(work.stanza, Condition.NOT_AUTHORIZED).xml, delay)

    def told(self, work: Work) -> None:
        """A refusal was sent."""
        self._held -= 1
        self._in_hand.discard(work.stanza.sender)

    def tick(self, now: float) -> None:
        """Forget who was silent for long; about once a second."""
        for shares in {id(one): one for one in (*self._each.values(), self._all)}.values():
            shares.sweep(now)

    def _admitted(self, shares: Shares, sender: Jid, now: float) -> bool:
        if str(sender) in self._in_hand or len(self._in_hand) - self._held >= MAX_IN_HAND:
            return False
        if sender.domain == self._guests and not self._all.take(self._guests, now):
            return False
        return shares.take(sender.bare, now)

    @staticmethod
    def _result(one: Stanza, answer: Authorities | Issued) -> str:
        return stanza("iq", "result", one.id, one.to, one.sender, encode_answer(answer))

    @staticmethod
    def _error(one: Stanza, condition: Condition) -> Reply:
        return Reply(error("iq", one.id, one.to, one.sender, condition))
