"""Stanzas on their way: counted, routed, audited, and sent in the order they came."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

import structlog

from hub.audit import AuditEntry, AuditError, AuditKind, AuditLog, RefusalCounter
from hub.gate import Gate, Verdict
from hub.metrics import Counts
from hub.router import ANSWERS, Outcome, Routed, Router
from hub.stanzas import Condition, Stanza, error

log = structlog.get_logger()

MAX_IN_HAND = 5_000
"""Stanzas that wait for the audit; above, senders are told to wait."""


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
        self._refusals = RefusalCounter()
        self._in_hand: set[asyncio.Task[None]] = set()
        self._last_of: dict[tuple[str, str], asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._in_hand)

    def take(self, stanza: Stanza, now: float, *, in_force: bool) -> None:
        """Route a stanza; ``in_force`` False: the roster may be out of date, so nothing is let through."""
        if not in_force or len(self._in_hand) >= MAX_IN_HAND:
            self._counts.dropped["audit behind" if in_force else "not in force"] += 1
            self._tell_to_wait(stanza)
            return
        routed = self._router.route(stanza, now)
        if routed.outcome is Outcome.FORWARDED and not self._counted(routed, stanza, now):
            return
        self._counts.stanzas[stanza.kind, routed.outcome] += 1
        if routed.outcome is Outcome.REFUSED or log.is_enabled_for(logging.DEBUG):
            _log(routed, stanza)
        pair = (stanza.sender, stanza.to)
        before = self._last_of.get(pair)
        entries = self._entries(routed, now)
        if not entries and before is None:
            self._send(routed.xml)
            return
        task = asyncio.create_task(self._write_and_send(entries, routed, before))
        self._in_hand.add(task)
        self._last_of[pair] = task
        task.add_done_callback(lambda done: self._done(pair, done))

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
            await asyncio.wait(set(self._in_hand))

    async def finish(self, now: float, patience: float) -> None:
        """Let what is under way end, for ``patience`` seconds at most, and write what was only counted."""
        if self._in_hand:
            await asyncio.wait(self._in_hand, timeout=patience)
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
            if verdict is not Verdict.PASS:
                self.over_limit(verdict, stanza)
                return False
        return True

    def _entries(self, routed: Routed, now: float) -> tuple[AuditEntry, ...]:
        if routed.audit is None:
            return ()
        if routed.audit.kind is AuditKind.REFUSAL:
            return self._refusals.refused(routed.audit, now)
        return (routed.audit,)

    async def _write_and_send(
        self, entries: Iterable[AuditEntry], routed: Routed, before: asyncio.Task[None] | None
    ) -> None:
        """Audit first; and never overtake an earlier stanza of the same pair (RFC 6120, 10.1)."""
        written = [await self._write(entry) for entry in entries]
        if before is not None:
            await asyncio.wait({before})
        self._send(self._still_to_send(routed) if all(written) else routed.instead)

    def _still_to_send(self, routed: Routed) -> str:
        """A grant may have ended since it was judged, if the operator no longer waited for this router."""
        if routed.outcome is not Outcome.FORWARDED or self._in_force():
            return routed.xml
        self._counts.dropped["not in force"] += 1
        return routed.instead if routed.instead != routed.xml else ""

    async def _write(self, entry: AuditEntry) -> bool:
        try:
            await self._audit.append(entry)
        except AuditError as failed:
            self._counts.audit_failed += 1
            self._counts.audit_failing = True
            log.error("audit could not be written", reason=str(failed), service=entry.service)
            return False
        self._counts.audit_written += 1
        self._counts.audit_failing = False
        return True

    def _done(self, pair: tuple[str, str], task: asyncio.Task[None]) -> None:
        self._in_hand.discard(task)
        if self._last_of.get(pair) is task:
            del self._last_of[pair]
        if not task.cancelled() and task.exception():
            log.error("a stanza could not be routed", exc_info=task.exception())


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
