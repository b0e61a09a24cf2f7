"""The router's process: roster, presence and audit around one component link."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hub.accounts import Accounts
from hub.addresses import Addresses
from hub.audit import AuditLog
from hub.component import ComponentLink, LinkDown, LinkFull
from hub.config import HubConfig
from hub.domains import DOUBTS, Domains
from hub.garbage import long_lived
from hub.gate import PASS, Gate
from hub.group_request import GroupRequest
from hub.metrics import Counts, Snapshot
from hub.ops_way import RouterWithOperations
from hub.pacing import Pacer
from hub.people_lists import PeopleLists
from hub.presence import PresenceBoard
from hub.presence_effects import Effect, Emit, Keep, KeepAsk, KeepSession
from hub.presence_sharing import SharedPresence
from hub.registry import Registry, acknowledge, changes_since, current_revision
from hub.roster import LinkState, Roster, domain_of
from hub.spreading import TURN, Spreading
from hub.stanza_text import recalled
from hub.stanzas import Stanza
from hub.traffic import Traffic
from hub.wishes import Wishes

log = structlog.get_logger()

POLL = 0.05
"""Seconds between two looks whether the registry was written (microseconds each; DESIGN section 4)."""
HEARTBEAT = 1.0
"""Seconds between two signs of life of this router in the registry."""
MAX_BLIND = 4.0
"""Seconds after its last sign of life from which a router lets nothing through and tells nobody of presence:
below the 5 s after which the operator's commands no longer wait for it."""
TICK = 1.0
"""Seconds between two looks at what became due."""
SPREAD_UNSENT = 256 * 1024
"""Octets waiting to be sent above which members of groups wait: others' stanzas are to overtake them."""
MAX_HANG = 10.0
"""Seconds without a tick after which the process is not healthy: nothing of ours blocks for one."""


class RouterProcess:
    """One router: owns the roster in memory and everything that happens to it."""

    def __init__(self, config: HubConfig, registry: Registry, audit: AuditLog) -> None:
        self._config = config
        self._registry = registry
        self._roster = Roster()
        addresses = Addresses(config.domain)
        self._board = PresenceBoard(addresses, self._roster)
        self._domains = Domains(config.domain)
        self._gate = Gate(config.limits.limits(), self._roster, addresses.operations, addresses.collector)
        self._counts = Counts()
        self._router = RouterWithOperations(addresses, self._roster)
        self._traffic = Traffic(
            self._router, self._gate, audit, self._counts, self._send, lambda: not self._blind(time.time())
        )
        self._spreading = Spreading(self._gate.member, self._counts.dropped)
        self._to_spread = asyncio.Event()
        self._traffic.on_group = self._begin_spreading
        self._lists = PeopleLists(registry, self._router.list_for, self._send)
        self._traffic.on_lookup = self._lists.put
        address = (config.xmpp.host, config.xmpp.component_port)
        self._link = ComponentLink(config.domain, config.router_secret(), address, self._take, recalled)
        self._shared = SharedPresence(registry, config.router_name, self._board, self._perform)
        self._link.on_up.append(self._shared.link_up)
        self._link.on_down.append(self._down)
        self._accounts = Accounts(registry, self._counts.used)
        self._wishes = Wishes(registry)
        self._wishes.on_written = lambda wishes: self._perform(
            self._board.contacts.written(wishes, time.time())
        )
        self._pacer = Pacer(config.presence.pace, self._send_paced)
        self._beat = 0.0
        self._version = 0
        self._stopped = False
        self._loop_lag, self._ticked = 0.0, time.monotonic()

    async def run(self) -> None:
        """Route until cancelled."""
        beat = time.time()
        await self._shared.enter(beat)
        await self._load()
        await self._alive()  # a country's roster takes longer than a router may be blind
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
                parts = (self._link, self._pacer, self._shared, self._accounts, self._wishes, self._lists)
                for work in (
                    *(part.run() for part in parts),
                    self._watch(),
                    self._clock(),
                    self._spread(),
                    self._tell(),
                ):
                    tasks.create_task(work)
        finally:
            await self._close()

    async def _load(self) -> None:
        """Read the whole roster."""
        with long_lived():
            self._board.begin(await self._registry.read(changes_since, 0), time.time())

    async def _close(self) -> None:
        await self._traffic.finish(time.time(), HEARTBEAT)
        self._perform(self._board.stop(time.time()))
        await self._accounts.close()
        await self._shared.leave()

    # --- stanzas ----------------------------------------------------------------------------------

    def _take(self, stanza: Stanza) -> None:
        now = time.time()
        if self._blind(now):
            self._stop_all()
        if self._domains.is_answer(stanza):
            self._reached(stanza, now)
            return
        verdict = self._gate.admit(stanza, now)
        if verdict is not PASS:
            self._traffic.over_limit(verdict, stanza)
            return
        if stanza.kind == "presence" and not self._router.of_operations(stanza):
            if not self._stopped:
                self._counts.stanzas["presence", "taken"] += 1
                self._heard(stanza, now)
                self._perform(self._board.handle(stanza, now))
            return
        if stanza.type == "error" and stanza.kind == "iq" and stanza.error_condition in DOUBTS:
            self._perform(self._board.doubt(stanza.sender.partition("/")[0], now))
        self._traffic.take(stanza, now, in_force=not self._stopped)

    def _send(self, xml: str) -> None:
        if not xml:
            return
        try:
            self._link.send(xml)
        except (LinkDown, LinkFull) as lost:
            self._counts.dropped["link down" if isinstance(lost, LinkDown) else "server too slow"] += 1

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

    # --- groups -----------------------------------------------------------------------------------

    def _begin_spreading(self, asked: GroupRequest) -> bool:
        taken = self._spreading.put(asked)
        self._to_spread.set()
        return taken

    async def _spread(self) -> None:
        """Requests to groups go to their members, as fast as the audit and the XMPP server take them."""
        while True:
            await self._to_spread.wait()
            if self._traffic.has_room and self._link.unsent < SPREAD_UNSENT:
                now = time.time()
                if self._blind(now):
                    self._spreading.clear()
                for asked, member in self._spreading.turn(now):
                    judged = self._router.for_member(asked, member, now)
                    if judged is not None:
                        alone, routed = judged
                        self._traffic.carry(routed, alone, now)
            if not len(self._spreading):
                self._to_spread.clear()
            await asyncio.sleep(TURN)

    # --- presence ---------------------------------------------------------------------------------

    def _perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Emit() if not self._link.up:
                    pass  # when it is up again, everybody is asked and told anew
                case Emit(paced=True):
                    self._counts.dropped["queue full"] += not self._pacer.put(effect)
                case Emit(xml):
                    self._send(xml)
                case Keep(heat_pump, state):
                    self._shared.keep(effect)
                    if state is not LinkState.UNKNOWN:  # that of all at once is told once
                        log.info("presence", heat_pump=heat_pump, state=state.value)
                case KeepSession():
                    self._shared.keep(effect)
                case KeepAsk():
                    self._counts.dropped["asks"] += not self._wishes.put(effect)

    def _reached(self, answer: Stanza, now: float) -> None:
        """A domain has answered, or the XMPP server for it."""
        news = self._domains.answered(answer)
        if news is True:
            self._reachable(answer.sender, now)
        elif news is False:
            self._unreachable(answer.sender, answer.error_condition, now)

    def _heard(self, presence: Stanza, now: float) -> None:
        """Somebody's presence may come before the next answer of his domain."""
        bare = presence.sender.partition("/")[0]
        known = self._roster.heat_pump_of_box(bare) or self._roster.provider_of_jid(bare)
        if not presence.type and known and self._domains.heard(bare):
            self._reachable(domain_of(bare), now)

    def _reachable(self, domain: str, now: float) -> None:
        log.info("a domain can be reached again", domain=domain)
        self._perform(self._board.reachable(domain, now))

    def _unreachable(self, domain: str, reason: str, now: float) -> None:
        log.warning("a domain cannot be reached", domain=domain, reason=reason)
        self._perform(self._board.unreachable(domain, now))

    def _ask_domains(self, now: float) -> None:
        if not self._link.up:
            return
        for question in self._domains.ask(self._roster.domains, now):
            self._send(question)
        if self._shared.alone:
            for domain in self._domains.silent(now):
                self._unreachable(domain, "no answer", now)

    def _down(self) -> None:
        self._shared.link_down()
        self._domains.forget()
        self._pacer.clear()
        self._spreading.clear()
        self._perform(self._board.stop(time.time()))

    # --- roster -----------------------------------------------------------------------------------

    async def _watch(self) -> None:
        readable = True
        while True:
            await asyncio.sleep(POLL)
            try:
                changed = await self._look()
                if changed:
                    await self._traffic.settle()
                if changed or time.time() - self._beat >= HEARTBEAT:
                    await self._alive()
                    self._go_on()
                readable = True
            except SQLAlchemyError as failed:
                if readable:
                    log.error("registry cannot be used", reason=str(failed))
                readable = False

    async def _alive(self) -> None:
        """Tell the registry by which revision this router judges now."""
        beat = time.time()
        name, revision = self._config.router_name, self._roster.revision
        await self._registry.run_apart(acknowledge, name, revision, beat)
        self._beat = beat

    async def _look(self) -> bool:
        version = self._registry.version()
        if version and version == self._version:
            return False
        revision = await self._registry.read(current_revision)
        changed = revision != self._roster.revision
        if changed:
            changes = await self._registry.read(changes_since, self._roster.revision)
            self._perform(self._board.change(changes, time.time()))
        self._version = version
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
            self._shared.ask_again()

    async def _clock(self) -> None:
        before = self._lost()
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + TICK
            await asyncio.sleep(TICK)
            self._loop_lag, self._ticked = clock() - due, time.monotonic()
            now = time.time()
            if not self._blind(now):
                self._perform(self._board.tick(now))
                self._ask_domains(now)
            for stanza in self._gate.due(now):
                self._perform(self._board.handle(stanza, now))
            self._report(before)
            before = self._lost()
            await self._traffic.tick(now)

    async def _tell(self) -> None:
        """Of many grants that begin or end at one instant each is told in its turn: others' stanzas are to
        overtake that.
        """
        while True:
            now = time.time()
            behind = self._board.bounds.behind(now) and not self._blind(now)
            if behind and self._link.unsent < SPREAD_UNSENT:
                self._perform(self._board.turn(now))
            await asyncio.sleep(TURN if behind else TICK)

    # --- what is told of it ------------------------------------------------------------------------

    def _lost(self) -> Counter[str]:
        return self._counts.dropped + self._counts.over_limit

    def _report(self, before: Counter[str]) -> None:
        new = self._lost() - before
        if new:
            log.warning(
                "stanzas were dropped or told to wait", **{key.replace(" ", "_"): new[key] for key in new}
            )

    def snapshot(self) -> Snapshot:
        """The state now, for Prometheus; called from the probe's thread, so it only reads."""
        return Snapshot(
            link_up=self._link.up,
            roster_revision=self._roster.revision,
            heat_pumps=len(self._roster.heat_pumps),
            providers=len(self._roster.providers),
            presence=Counter(state.value for state in self._board.states.copy().values()),
            provider_sessions=sum(map(len, self._board.sessions.copy().values())),
            domains_unreachable=len(self._domains.unreachable),
            in_hand=len(self._traffic),
            paced=len(self._pacer),
            spreading=len(self._spreading),
            loop_lag=self._loop_lag,
            counts=self._counts,
        )

    def unhealthy(self) -> list[str]:
        """Why the process should be restarted: its event loop hangs."""
        late = time.monotonic() - self._ticked
        return [f"the event loop has not moved for {late:.0f} s"] if late > MAX_HANG else []

    def unready(self) -> list[str]:
        """Why requests cannot be served now."""
        wrong = self.unhealthy()
        if not self._link.up:
            wrong.append("no link to the XMPP server")
        if self._blind(time.time()):
            wrong.append("the registry cannot be written")
        if self._counts.audit_failing:
            wrong.append("the audit cannot be written")
        return wrong
