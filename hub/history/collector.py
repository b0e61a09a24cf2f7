"""The collector's process: boxes, registry, storage and the component link around the state machines."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hub.accounts import Accounts
from hub.config import HubConfig
from hub.database import DatabaseDown
from hub.garbage import long_lived
from hub.history.asking import ask
from hub.history.boxes import Box, Boxes
from hub.history.collecting import Collecting
from hub.history.consent_watch import ConsentWatch
from hub.history.events import Abort, Ask, Effect, Note, Probe, Queue, Take
from hub.history.link import CollectorLink
from hub.history.serving import Serving, ServingCounts
from hub.history.store import HistoryStore, Intake
from hub.history.writer import Writer, WriterCounts
from hub.pacing import Pacer
from hub.registry import Registry
from hub.registry.consents import Consented
from hub.stanzas import Stanza
from iec61850_model.client.errors import BadAnswer
from iec61850_model.client.exchange import Exchange
from iec61850_model.client.reports import Segments, decode_report, is_report
from iec61850_model.mms.pdu import Payload, Unconfirmed

log = structlog.get_logger()

TICK = 1.0
"""Seconds between two looks at what became due."""
MAX_HANG = 10.0
"""Seconds without a tick after which the process is not healthy: nothing of ours blocks for one."""
MAX_ASKING = 256
"""Boxes that are asked something at one time; more wait for their turn."""
OPEN_RETRY = 2.0
"""Seconds until a history database that cannot be reached is tried again."""
CLOSE_PATIENCE = 5.0
"""Seconds that reports may take to be stored when the collector ends; what is left its box still has."""
LATER = 1.0
"""Seconds added to a time so that it is after all that was stored before."""
_LOGGED = {"fault": "warning", "resync": "warning", "enabled": "debug", "put off": "debug"}
"""How loudly what happened with a box is told; all else is info. What is put off is so for all boxes at once:
who has the trouble tells it."""


@dataclass(slots=True)
class CollectorCounts:
    """What happened since the start."""

    reports: int = 0
    given_back: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    """By word: enabled, fault, put off, resync, restart, stray, closed."""
    writer: WriterCounts = field(default_factory=WriterCounts)
    serving: ServingCounts = field(default_factory=ServingCounts)


@dataclass(frozen=True, slots=True)
class CollectorSnapshot:
    """The state at the moment of asking."""

    link_up: bool
    stages: Counter[str]
    waiting: int
    asking: int
    loop_lag: float
    counts: CollectorCounts


class CollectorProcess:
    """One collector: owns its boxes and everything that happens to them."""

    def __init__(self, config: HubConfig, registry: Registry) -> None:
        self._config = config
        self._registry = registry
        address = (config.xmpp.host, config.history.component_port or config.xmpp.component_port)
        self._link = CollectorLink(config.history_domain, config.history_secret(), address)
        self._link.on_presence = self._presence
        self._link.on_report = self._report
        self._link.on_up.append(self._up)
        self._link.on_down.append(self._down)
        self._exchange = Exchange(self._link)
        self._segments = Segments()
        self._boxes = Boxes()
        self._parted: dict[int, float] = {}
        self._counts = CollectorCounts()
        self._turns: Pacer[Box] = Pacer(config.history.pace, self._turn)
        self._greetings: Pacer[tuple[Box, bool]] = Pacer(config.presence.pace, self._greet)
        self._watch = ConsentWatch(registry, self._consents, self._settle)
        self._asking: set[asyncio.Task[None]] = set()
        self._writer: Writer | None = None
        self._store: HistoryStore | None = None
        self._loop_lag, self._ticked = 0.0, time.monotonic()

    async def run(self) -> None:
        """Collect until cancelled. Raises SchemaError if the history's schema is not this program's."""
        self._store = store = await self._open()
        serving = self._serve(store)
        accounts = Accounts(self._registry, serving.used)
        self._writer = writer = Writer(store)
        self._counts.writer = writer.counts
        writing = asyncio.create_task(writer.run())
        try:
            with long_lived():
                await self._watch.begin()
            log.info("collector starts", domain=self._config.history_domain, boxes=len(self._boxes))
            async with asyncio.TaskGroup() as tasks:
                parts = (self._link, self._turns, self._greetings, self._watch, serving, accounts)
                for work in (*(part.run() for part in parts), self._clock()):
                    tasks.create_task(work)
        finally:
            await writer.finish(CLOSE_PATIENCE)
            writing.cancel()
            await asyncio.wait({writing})
            await accounts.close()
            await self._watch.leave()
            await store.close()

    async def _open(self) -> HistoryStore:
        while True:
            try:
                return await HistoryStore.open(self._config.databases.history)
            except DatabaseDown as down:
                log.error("the history database cannot be used: it is tried again", reason=str(down))
            self._ticked = time.monotonic() + OPEN_RETRY
            await asyncio.sleep(OPEN_RETRY)

    def _serve(self, store: HistoryStore) -> Serving:
        period = self._config.history.interval
        serving = Serving(self._registry, store, self._link, self._config.domain, period)
        self._counts.serving = serving.counts
        self._link.on_request = serving.take
        self._link.on_down.append(serving.forget)
        return serving

    # --- consents ---------------------------------------------------------------------------------

    async def _consents(self, changed: Iterable[Consented]) -> list[Consented]:
        """Take over consents: those that end at once, new ones once their series are open.

        Returns those to be tried again: that could not be opened, for the history database is away, or whose
        former box's reports are not stored yet.
        """
        now = time.time()
        new: list[Consented] = []
        waiting: list[Consented] = []
        for one in changed:
            box = self._boxes.by_pk.get(one.pk)
            if box is None:
                new += [one] if one.consents else []
            elif one.removed:
                self._remove(box, now)
            elif one.box != box.bare_jid:
                self._perform(box, box.machine.agree(one.consents, now))
                if self._part(box, now):
                    new += [one] if one.consents else []
                else:
                    waiting.append(one)
            else:
                self._perform(box, box.machine.agree(one.consents, now))
        return [*waiting, *await self._follow(new)]

    def _remove(self, box: Box, now: float) -> None:
        box.machine.agree((), now)
        box.machine.away(now)
        self._perform(box, [Abort()])
        self._boxes.drop(box)

    def _part(self, box: Box, now: float) -> bool:
        """Another box stands for the heat pump: hear no more of this one, and follow it no longer once all
        that it reported is stored. Else the EntryID of its last report would come after that of the new one's
        first.
        """
        self._perform(box, [*box.machine.away(now), Abort()])
        self._boxes.unhear(box)
        if box.waiting:
            return False
        self._boxes.drop(box)
        self._parted[box.pk] = now + LATER
        return True

    async def _follow(self, new: list[Consented]) -> list[Consented]:
        if not new:
            return []
        assert self._store is not None
        now = time.time()
        series = await self._watch.series_of([one.pk for one in new])
        try:
            await self._store.forget_entries(
                {series[one.pk]: self._parted.get(one.pk, one.replaced) for one in new if one.replaced}
            )
            entries = await self._store.open_series(series.values(), now)
        except (SQLAlchemyError, OSError) as failed:
            log.error(
                "series cannot be opened: it is tried again", reason=str(getattr(failed, "orig", failed))
            )
            return new
        for one in new:
            number = series[one.pk]
            self._parted.pop(one.pk, None)
            machine = Collecting(self._config.history.interval, position=entries[number], since=one.since)
            box = Box(one.pk, one.heat_pump, one.box, number, machine)
            self._boxes.add(box)
            self._perform(box, machine.agree(one.consents, now))
        return []

    async def _settle(self) -> None:
        if self._writer is not None:
            await self._writer.settle()

    def _allowed(self, box: Box, taken: Take) -> bool:
        now = time.time()
        return not self._watch.blind(now) and box.machine.may_store(taken, now)

    # --- stanzas ----------------------------------------------------------------------------------

    def _up(self) -> None:
        for box in self._boxes:
            box.greeted = False
            self._greetings.put((box, False))

    def _down(self) -> None:
        now = time.time()
        self._turns.clear()
        self._greetings.clear()
        for box in self._boxes:
            self._forget(box)
            self._perform(box, box.machine.away(now))

    def _presence(self, sender: str, type_: str) -> None:
        box = self._boxes.of_jid(sender)
        if box is None:
            return
        now = time.time()
        if type_ == "":
            self._perform(box, box.machine.here(now))
        else:
            self._forget(box)
            self._perform(box, box.machine.away(now))

    def _greet(self, greeting: tuple[Box, bool]) -> bool:
        """A box that is told that the collector had gone ends what it held with an earlier one."""
        box, anyhow = greeting
        if box.greeted and not anyhow:
            return True
        sent = self._link.tell_presence(box.jid, away=not box.greeted)
        box.greeted = box.greeted or sent
        return sent

    def _turn(self, box: Box) -> bool:
        if len(self._asking) >= MAX_ASKING or self._watch.blind(time.time()):
            return False
        if not box.greeted and not self._greet((box, False)):
            return False
        self._perform(box, box.machine.turn(time.time()))
        return True

    def _report(self, stanza: Stanza, payload: Payload) -> None:
        if not is_report(payload):
            return
        box = self._boxes.of_jid(stanza.sender)
        if box is None:
            self._link.refuse(stanza)
            return
        assert isinstance(payload.pdu, Unconfirmed)
        self._counts.reports += 1
        now = time.time()
        try:
            report = self._segments.add(box.jid, decode_report(payload.pdu.service), time.monotonic())
        except BadAnswer as broken:
            self._perform(box, box.machine.broken(str(broken), now))
            return
        if report is None:
            return
        for effect in box.machine.report(payload.association or "", report, now):
            if not isinstance(effect, Take):
                self._perform(box, [effect])
            elif not self._take(box, effect):
                self._counts.given_back += 1
                self._link.give_back(stanza)
                self._perform(box, box.machine.refused("the storage does not keep up", now))
        self._boxes.schedule(box)

    def _take(self, box: Box, taken: Take) -> bool:
        assert self._writer is not None
        intake = Intake(box.series, taken.entry, taken.sample, taken.overflow, taken.misdated)
        allowed, settled = partial(self._allowed, box, taken), partial(self._settled, box, taken)
        put = self._writer.put(intake, allowed, settled)
        box.waiting += put
        return put

    def _settled(self, box: Box, taken: Take, stored: bool) -> None:
        box.waiting -= 1
        self._perform(box, box.machine.settled(taken, stored, time.time()))

    # --- effects ----------------------------------------------------------------------------------

    def _perform(self, box: Box, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Ask():
                    task = asyncio.create_task(self._ask(box, effect))
                    self._asking.add(task)
                    task.add_done_callback(self._asking.discard)
                case Queue():
                    self._turns.put(box)
                case Probe():
                    self._greetings.put((box, True))
                case Abort():
                    self._forget(box)
                    self._link.abort(box.jid)
                case Note(what, reason):
                    self._note(box, what, reason)
        self._boxes.schedule(box)

    async def _ask(self, box: Box, asked: Ask) -> None:
        outcome = await ask(self._exchange, box.jid, asked)
        self._perform(box, box.machine.answered(asked.attempt, outcome, time.time()))

    def _forget(self, box: Box) -> None:
        self._exchange.abort(box.jid)
        self._segments.forget(box.jid)

    def _note(self, box: Box, what: str, reason: str) -> None:
        self._counts.notes[what] += 1
        getattr(log, _LOGGED.get(what, "info"))(f"box {what}", heat_pump=box.heat_pump, reason=reason or None)

    # --- time, and what is told of it ---------------------------------------------------------------

    async def _clock(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + TICK
            await asyncio.sleep(TICK)
            self._loop_lag, self._ticked = clock() - due, time.monotonic()
            now = time.time()
            for box in self._boxes.due(now):
                self._perform(box, box.machine.tick(now))

    def snapshot(self) -> CollectorSnapshot:
        """The state now, for Prometheus; called from the probe's thread, so it only reads."""
        return CollectorSnapshot(
            link_up=self._link.up,
            stages=Counter(box.machine.stage.value for box in list(self._boxes)),
            waiting=len(self._writer) if self._writer else 0,
            asking=len(self._asking),
            loop_lag=self._loop_lag,
            counts=self._counts,
        )

    def unhealthy(self) -> list[str]:
        """Why the process should be restarted: its event loop hangs."""
        late = time.monotonic() - self._ticked
        return [f"the collector's event loop has not moved for {late:.0f} s"] if late > MAX_HANG else []

    def unready(self) -> list[str]:
        """Why reports cannot be taken now."""
        wrong = self.unhealthy()
        if not self._link.up:
            wrong.append("the collector has no link to the XMPP server")
        if self._watch.blind(time.time()):
            wrong.append("the collector cannot write the registry")
        if self._store is None or self._counts.writer.failing:
            wrong.append("the history cannot be written")
        return wrong
