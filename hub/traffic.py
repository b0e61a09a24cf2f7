"""Stanzas on their way: counted, routed, audited, and sent in the order they came."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import structlog

from hub.audit import AuditEntry, AuditError, AuditKind, AuditLog, RefusalCounter
from hub.gate import PASS, Gate, Verdict
from hub.group_request import GroupRequest
from hub.metrics import Counts
from hub.router import ANSWERS, Outcome, Routed, Router
from hub.stanzas import Condition, Stanza, error

log = structlog.get_logger()

FORWARDED, REFUSED, REFUSAL = Outcome.FORWARDED, Outcome.REFUSED, AuditKind.REFUSAL
"""By names of their own: to find a member in its enumeration takes ten times as long."""
MAX_IN_HAND = 5_000
"""Stanzas that wait for the audit; above, senders are told to wait."""


@dataclass(slots=True, eq=False)
class _Held:
    """A stanza that waits for its entries in the audit, or behind one that does."""

    routed: Routed
    to_write: int
    failed: bool = False
    _gone: asyncio.Future[None] | None = None

    def gone(self) -> asyncio.Future[None]:
        """Done when it was sent."""
        if self._gone is None:
            self._gone = asyncio.get_running_loop().create_future()
        return self._gone

    def is_gone(self) -> None:
        if self._gone is not None:
            self._gone.set_result(None)


class Traffic:
    """The iqs and messages of one router. ``in_force()``: the roster is known to be up to date."""

    def __init__(
        self,
        router: Router,
        gate: Gate,
        audit: AuditLog,
        counts: Counts,
        send: Callable[[str], None],
        in_force: Callable[[], bool],
    ) -> None:
        self._router = router
        self._gate = gate
        self._audit = audit
        self._counts = counts
        self._send = send
        self._in_force = in_force
        self.on_group: Callable[[GroupRequest], bool] = lambda asked: False
        """Takes a request to a group, whose members come one by one to ``carry``; False: no room."""
        self.on_lookup: Callable[[Stanza], bool] = lambda asked: False
        """Takes what is answered when the registry was asked; False: no room."""
        self._refusals = RefusalCounter()
        self._held: dict[tuple[str, str], deque[_Held]] = {}
        self._in_hand: set[_Held] = set()
        self._tells_all = log.is_enabled_for(logging.DEBUG)

    def __len__(self) -> int:
        return len(self._in_hand)

    def take(self, stanza: Stanza, now: float, *, in_force: bool) -> None:
        """Route a stanza; ``in_force`` False: the roster may be out of date, so nothing is let through."""
        if not in_force or len(self._in_hand) >= MAX_IN_HAND:
            self._counts.dropped["audit behind" if in_force else "not in force"] += 1
            self._tell_to_wait(stanza)
            return
        routed = self._router.route(stanza, now)
        if routed.outcome is FORWARDED and not self._counted(routed, stanza, now):
            return
        if routed.group is not None and not self.on_group(routed.group):
            self._counts.over_limit["groups"] += 1
            self._tell_to_wait(stanza)
            return
        if routed.lookup is not None and not self.on_lookup(routed.lookup):
            self._counts.over_limit["lists"] += 1
            self._tell_to_wait(stanza)
            return
        self.carry(routed, stanza, now)

    @property
    def has_room(self) -> bool:
        """Members of groups may be asked: half of what may wait for the audit is kept for all others."""
        return len(self._in_hand) < MAX_IN_HAND // 2

    def carry(self, routed: Routed, stanza: Stanza, now: float) -> None:
        """Count what was decided on a stanza, audit it, and send it after what came before."""
        self._counts.stanzas[stanza.kind, routed.outcome] += 1
        if routed.service and routed.outcome is FORWARDED:
            self._counts.used[routed.provider, routed.heat_pump, routed.service] += 1
        if self._tells_all or routed.outcome is REFUSED:
            _log(routed, stanza)
        pair = (stanza.sender, stanza.to)
        entries = self._entries(routed.audit, now) if routed.audit else ()
        if not entries and pair not in self._held:
            self._send(routed.xml)
            return
        self._hold(_Held(routed, len(entries)), pair, entries)

    def over_limit(self, verdict: Verdict, stanza: Stanza) -> None:
        """Refuse what is over a limit; presence is only put off."""
        self._counts.over_limit[verdict] += 1
        if stanza.kind != "presence":
            self._tell_to_wait(stanza)

    def _tell_to_wait(self, stanza: Stanza) -> None:
        """A report too: the box keeps what bounces. Answers cannot be answered."""
        if stanza.type not in ANSWERS:
            wait = Condition.RESOURCE_CONSTRAINT
            self._send(error(stanza.kind, stanza.id, stanza.to, stanza.sender, wait))

    async def settle(self) -> None:
        """Let what was judged by the earlier roster go its way before the new one is said to be in force."""
        if self._in_hand:
            await asyncio.wait({held.gone() for held in self._in_hand})

    async def finish(self, now: float, patience: float) -> None:
        """Let what is under way end, for ``patience`` seconds at most, and write what was only counted."""
        if self._in_hand:
            await asyncio.wait({held.gone() for held in self._in_hand}, timeout=patience)
        for entry in self._refusals.drain(now):
            await self._write(entry)

    async def tick(self, now: float) -> None:
        """Write the counts of refusals that are due; about once a second."""
        for entry in self._refusals.due(now):
            await self._write(entry)

    def _counted(self, routed: Routed, stanza: Stanza, now: float) -> bool:
        """Keep count of requests without an answer; False if the provider waits for too many."""
        if stanza.type in ANSWERS:
            self._gate.answered(routed.provider, routed.heat_pump, stanza.id)
        elif stanza.kind == "iq":
            verdict = self._gate.asked(routed.provider, routed.heat_pump, stanza.id, now)
            if verdict is not PASS:
                self.over_limit(verdict, stanza)
                return False
        return True

    def _entries(self, audit: AuditEntry, now: float) -> tuple[AuditEntry, ...]:
        return self._refusals.refused(audit, now) if audit.kind is REFUSAL else (audit,)

    def _hold(self, held: _Held, pair: tuple[str, str], entries: Iterable[AuditEntry]) -> None:
        """Audit first; and never overtake an earlier stanza of the same pair (RFC 6120, 10.1)."""
        self._in_hand.add(held)
        queue = self._held.get(pair)
        if queue is None:
            queue = self._held[pair] = deque()
        queue.append(held)
        for entry in entries:
            self._audit.put(entry, partial(self._audited, held, pair, entry))

    def _audited(
        self, held: _Held, pair: tuple[str, str], entry: AuditEntry, failure: AuditError | None
    ) -> None:
        self._note(entry, failure)
        held.failed |= failure is not None
        held.to_write -= 1
        queue = self._held[pair]
        while queue and not queue[0].to_write:
            first = queue.popleft()
            self._in_hand.discard(first)
            self._send(first.routed.instead if first.failed else self._still_to_send(first.routed))
            first.is_gone()
        if not queue:
            del self._held[pair]

    def _still_to_send(self, routed: Routed) -> str:
        """A grant may have ended since it was judged, if the operator no longer waited for this router."""
        if routed.outcome is not FORWARDED or self._in_force():
            return routed.xml
        self._counts.dropped["not in force"] += 1
        return routed.instead if routed.instead != routed.xml else ""

    async def _write(self, entry: AuditEntry) -> None:
        try:
            await self._audit.append(entry)
        except AuditError as failed:
            self._note(entry, failed)
        else:
            self._note(entry, None)

    def _note(self, entry: AuditEntry, failure: AuditError | None) -> None:
        """Count an entry that is written, or say that it is not."""
        self._counts.audit_failing = failure is not None
        if failure is None:
            self._counts.audit_written += 1
            return
        self._counts.audit_failed += 1
        log.error("audit could not be written", reason=str(failure), service=entry.service)


def _log(routed: Routed, stanza: Stanza) -> None:
    write = log.info if routed.outcome is Outcome.REFUSED else log.debug
    write(
        routed.outcome.value,
        heat_pump=routed.heat_pump,
        provider=routed.provider,
        service=routed.service,
        stanza_id=stanza.id,
        sender=stanza.sender if routed.outcome is Outcome.REFUSED else None,
        reason=routed.reason,
    )
