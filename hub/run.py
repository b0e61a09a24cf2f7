"""``hphub run``: the router with its roster, presence and audit around one component link."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Coroutine, Iterable
from typing import Any
from xml.etree.ElementTree import Element

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hub import logs
from hub.addresses import Addresses
from hub.audit import AuditEntry, AuditError, AuditKind, AuditLog, RefusalCounter
from hub.component import ComponentLink, LinkDown, LinkFull
from hub.config import HubConfig
from hub.pacing import Pacer
from hub.presence import Effect, Emit, Keep, LinkState, PresenceBoard
from hub.registry import (
    NotFound,
    PresenceState,
    Registry,
    acknowledge,
    changes_since,
    current_revision,
    enter_router,
    leave_router,
    mark_all_unknown,
    set_presence,
)
from hub.roster import Roster
from hub.router import ANSWERS, Outcome, Routed, Router
from hub.stanzas import Condition, Stanza, error

log = structlog.get_logger()

POLL = 0.05
"""Seconds between two looks at the registry's revision (microseconds each; DESIGN section 4)."""
HEARTBEAT = 1.0
"""Seconds between two signs of life of this router in the registry."""
MAX_BLIND = 4.0
"""Seconds after its last sign of life from which a router lets nothing through and tells nobody of presence:
below the 5 s after which the operator's commands no longer wait for it."""
MAX_IN_HAND = 5_000
"""Stanzas that wait for the audit; above, senders are told to wait."""
KEEP_EVERY = 0.2
"""Seconds between two writings of link states."""


class RouterProcess:
    """One router: owns the roster in memory and everything that happens to it."""

    def __init__(self, config: HubConfig, registry: Registry, audit: AuditLog) -> None:
        self._config = config
        self._registry = registry
        self._audit = audit
        self._roster = Roster()
        addresses = Addresses(config.domain)
        self._router = Router(addresses, self._roster)
        self._board = PresenceBoard(addresses, self._roster)
        self._refusals = RefusalCounter()
        address = (config.xmpp.host, config.xmpp.component_port)
        self._link = ComponentLink(config.domain, config.router_secret(), address, self._take)
        self._link.on_up.append(lambda: self._perform(self._board.start(time.time())))
        self._link.on_down.append(self._down)
        self._pacer = Pacer(config.presence.pace, self._send_paced)
        self._in_hand: set[asyncio.Task[None]] = set()
        self._last_of: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._to_keep: dict[str, tuple[LinkState, float]] = {}
        self._beat = 0.0
        self._stopped = False
        self._dropped = 0

    async def run(self) -> None:
        """Route until cancelled."""
        beat = time.time()
        await self._registry.run(enter_router, self._config.router_name, beat)
        self._beat = beat
        await self._registry.run(mark_all_unknown, time.time())
        await self._look()
        log.info(
            "router starts",
            router=self._config.router_name,
            domain=self._config.domain,
            heat_pumps=len(self._roster.heat_pumps),
            providers=len(self._roster.providers),
            revision=self._roster.revision,
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                for work in (self._link.run(), self._pacer.run(), self._watch(), self._keep(), self._clock()):
                    tasks.create_task(work)
        finally:
            await self._close()

    async def _close(self) -> None:
        if self._in_hand:
            await asyncio.wait(self._in_hand, timeout=HEARTBEAT)
        for entry in self._refusals.drain(time.time()):
            await self._write(entry)
        self._perform(self._board.stop(time.time()))
        await self._keep_now()
        await self._registry.run(leave_router, self._config.router_name)

    # --- stanzas ----------------------------------------------------------------------------------

    def _take(self, element: Element) -> None:
        now = time.time()
        stanza = Stanza.of(element)
        if self._blind(now):
            self._stop_all()
        if stanza.kind == "presence":
            if not self._stopped:
                self._perform(self._board.handle(stanza, now))
            return
        if self._stopped or len(self._in_hand) >= MAX_IN_HAND:
            self._dropped += 1
            if stanza.type not in ANSWERS:  # a report too: the box keeps what bounces
                wait = Condition.RESOURCE_CONSTRAINT
                self._send(error(stanza.kind, stanza.id, stanza.to, stanza.sender, wait))
            return
        routed = self._router.route(stanza, now)
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
        self._send(routed.xml if all(written) else routed.instead)

    async def _write(self, entry: AuditEntry) -> bool:
        try:
            await self._audit.append(entry)
        except AuditError as failed:
            log.error("audit could not be written", reason=str(failed), service=entry.service)
            return False
        return True

    def _done(self, pair: tuple[str, str], task: asyncio.Task[None]) -> None:
        self._in_hand.discard(task)
        if self._last_of.get(pair) is task:
            del self._last_of[pair]
        if not task.cancelled() and task.exception():
            log.error("a stanza could not be routed", exc_info=task.exception())

    def _send(self, xml: str) -> None:
        if not xml:
            return
        try:
            self._link.send(xml)
        except (LinkDown, LinkFull):
            self._dropped += 1

    def _send_paced(self, emit: Emit) -> bool:
        try:
            self._link.send(emit.xml)
        except LinkFull:
            return False
        except LinkDown:
            return True
        if emit.asks:
            self._board.asked(emit.asks, time.time())
        return True

    # --- presence ---------------------------------------------------------------------------------

    def _perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Emit() if not self._link.up:
                    pass  # when it is up again, everybody is asked and told anew
                case Emit(paced=True):
                    self._dropped += not self._pacer.put(effect)
                case Emit(xml):
                    self._send(xml)
                case Keep(heat_pump, state, since):
                    self._to_keep[heat_pump] = (state, since)
                    log.info("presence", heat_pump=heat_pump, state=state.value)

    def _down(self) -> None:
        self._pacer.clear()
        self._perform(self._board.stop(time.time()))

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(KEEP_EVERY)
            try:
                await self._keep_now()
            except SQLAlchemyError as failed:
                log.error("link states could not be written", reason=str(failed))

    async def _keep_now(self) -> None:
        if not self._to_keep:
            return
        kept = dict(self._to_keep)
        async with self._registry.transaction() as session:
            for heat_pump, (state, since) in kept.items():
                try:
                    await session.run_sync(set_presence, heat_pump, PresenceState(state.value), "IEC", since)
                except NotFound:
                    continue  # removed meanwhile
        for heat_pump, written in kept.items():
            if self._to_keep.get(heat_pump) == written:
                del self._to_keep[heat_pump]

    # --- roster -----------------------------------------------------------------------------------

    async def _watch(self) -> None:
        readable = True
        while True:
            await asyncio.sleep(POLL)
            try:
                changed = await self._look()
                if changed or time.time() - self._beat >= HEARTBEAT:
                    await self._settle()
                    beat = time.time()
                    name, revision = self._config.router_name, self._roster.revision
                    await self._registry.run(acknowledge, name, revision, beat)
                    self._beat = beat
                    self._go_on()
                readable = True
            except SQLAlchemyError as failed:
                if readable:
                    log.error("registry cannot be used", reason=str(failed))
                readable = False

    async def _look(self) -> bool:
        revision = await self._registry.read(current_revision)
        changed = revision != self._roster.revision
        if changed:
            changes = await self._registry.read(changes_since, self._roster.revision)
            self._perform(self._board.change(changes, time.time()))
        return changed

    def _blind(self, now: float) -> bool:
        """The operator's commands may no longer wait for this router: what it knows may be out of date."""
        return now - self._beat > MAX_BLIND

    def _stop_all(self) -> None:
        if not self._stopped:
            log.error("nothing is let through: the registry cannot be used", since_s=MAX_BLIND)
            self._stopped = True

    def _go_on(self) -> None:
        """The registry is there again; presence that came meanwhile was not heard, so everybody is asked."""
        if self._stopped and not self._blind(time.time()):
            log.warning("stanzas are let through again")
            self._stopped = False
            self._perform(self._board.start(time.time()))

    async def _settle(self) -> None:
        """Let what was judged by the earlier roster go its way before the new one is said to be in force."""
        if self._in_hand:
            await asyncio.wait(set(self._in_hand))

    async def _clock(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            now = time.time()
            if not self._blind(now):
                self._perform(self._board.tick(now))
            if self._dropped:
                log.warning("stanzas were dropped or told to wait", count=self._dropped, link=self._link.up)
                self._dropped = 0
            for entry in self._refusals.due(now):
                await self._write(entry)


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


async def run(config: HubConfig) -> None:
    """Run the hub until SIGTERM or SIGINT."""
    logs.configure(config.log_level)
    registry = await Registry.open(config.databases.registry)
    try:
        audit = await AuditLog.open(config.databases.audit, config.router_name)
        try:
            await _until_signalled(RouterProcess(config, registry, audit).run())
        finally:
            await audit.close()
    finally:
        await registry.close()
    log.info("hub has stopped")


async def _until_signalled(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        if not task.cancelled():
            raise
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
