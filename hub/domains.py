"""Which domains of boxes and providers can be reached. I/O-free.

A server that dies tells nobody that its boxes and providers are gone. So the hub asks each domain of the
roster for a sign of life (XEP-0199). Its own XMPP server answers for one that cannot be reached.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from hub.stanzas import Condition, Stanza, stanza

ASK_EVERY = 10.0
"""Seconds between two questions to a domain."""
SILENT_AFTER = 20.0
"""Seconds without any answer after which a domain is unreachable: with ASK_EVERY known within 30 s."""
MAX_ASKED_AT_ONCE = 50
"""Questions in one tick (a second): with more than 500 domains each is asked less often."""

_FROM_THERE = (Condition.SERVICE_UNAVAILABLE, Condition.FEATURE_NOT_IMPLEMENTED)
"""Errors that a server without XEP-0199 answers; all others come from one on the way."""
_PING = '<ping xmlns="urn:xmpp:ping"/>'


@dataclass(slots=True)
class _Domain:
    """``asked``: the last question; ``waiting_since``: the first one that has no answer yet."""

    asked: float
    waiting_since: float | None
    reachable: bool = True


@dataclass(slots=True)
class Domains:
    """What is known of each domain, for a hub of this domain."""

    hub: str
    _known: dict[str, _Domain] = field(default_factory=dict)
    _prefix: str = field(default_factory=lambda: f"reach-{secrets.token_hex(8)}")

    @property
    def unreachable(self) -> list[str]:
        """The domains that cannot be reached now."""
        return [name for name, domain in self._known.copy().items() if not domain.reachable]

    def ask(self, domains: Collection[str], now: float) -> list[str]:
        """The questions that are due; about once a second. ``domains``: those of the roster."""
        for gone in [name for name in self._known if name not in domains]:
            del self._known[gone]
        due = [name for name in domains if self._due(name) <= now]
        due.sort(key=self._due)
        return [self._question(name, now) for name in due[:MAX_ASKED_AT_ONCE]]

    def silent(self, now: float) -> list[str]:
        """The domains that have not answered for too long, each once.

        Only for a router that is alone: of several any may hear the answer.
        """
        found = [
            name
            for name, domain in self._known.items()
            if domain.reachable
            and domain.waiting_since is not None
            and now - domain.waiting_since >= SILENT_AFTER
        ]
        for name in found:
            self._known[name].reachable = False
        return found

    def is_answer(self, incoming: Stanza) -> bool:
        """It answers a question of ours, whose id nobody else knows."""
        return incoming.id == self._prefix and incoming.type in ("result", "error") and incoming.kind == "iq"

    def answered(self, incoming: Stanza) -> bool | None:
        """An answer came: the domain can be reached again (True), no longer (False), or as before (None)."""
        domain = self._known.get(incoming.sender)
        if domain is None:
            return None
        there = incoming.type == "result" or incoming.error_condition in _FROM_THERE
        was, domain.reachable = domain.reachable, there
        if there:
            domain.waiting_since = None
        return there if there is not was else None

    def forget(self) -> None:
        """The hub's own link is down: nothing is known."""
        self._known.clear()

    def _due(self, name: str) -> float:
        known = self._known.get(name)
        return known.asked + ASK_EVERY if known else 0.0

    def _question(self, name: str, now: float) -> str:
        known = self._known.get(name)
        if known is None:
            self._known[name] = _Domain(now, now)
        else:
            known.asked = now
            if known.waiting_since is None:
                known.waiting_since = now
        return stanza("iq", "get", self._prefix, self.hub, name, _PING)


DOUBTS: Sequence[Condition] = (
    Condition.SERVICE_UNAVAILABLE,
    Condition.RECIPIENT_UNAVAILABLE,
    Condition.REMOTE_SERVER_NOT_FOUND,
    Condition.REMOTE_SERVER_TIMEOUT,
)
"""Answered to a request instead of a box: it is perhaps not there any more."""
