"""The server in its loop: requests in, answers and reports out, and what is due at its time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Hashable, Iterable, Sequence

import structlog

from device_agent.clock import Clock
from device_agent.metrics import Counts
from device_agent.settings import Settings
from device_agent.switching import Switching
from iec61850_model.mms.pdu import InformationReport, Payload, Unconfirmed, VariableListName
from iec61850_model.mms.xer import MalformedPdu
from iec61850_model.server import Effect, Incoming, Reply, Send, Server, Settled, Switch
from iec61850_model.server.effects import Drive
from iec61850_model.tree import Change

log = structlog.get_logger()

LONGEST_WAIT = 60.0
"""Seconds the server's timer sleeps at most, so that a clock set from outside is noticed."""


class Serving:
    """Carries out what the server asks for. ``send`` sends an unconfirmed PDU to a peer."""

    def __init__(
        self,
        server: Server,
        clock: Clock,
        settings: Settings,
        switching: Switching,
        send: Callable[[str, Payload], None],
    ) -> None:
        self.server = server
        self.counts = Counts()
        self.switching_now: set[asyncio.Task[None]] = set()
        """Commands under way."""
        self._clock = clock
        self._settings = settings
        self._switching = switching
        self._send = send
        self._replies: dict[Hashable, asyncio.Future[Payload]] = {}
        self._before: dict[Hashable, list[Payload]] = {}
        self._after: dict[Hashable, list[Payload]] = {}
        self._next_token = 0
        self._due = asyncio.Event()
        server.tree.watchers.append(self._changed)

    async def request(self, peer: str, payload: Payload | MalformedPdu, octets: int) -> list[Payload]:
        """Answer one request: what travels before the answer, the answer, what travels after it."""
        self._next_token += 1
        token = self._next_token
        self._replies[token] = asyncio.get_running_loop().create_future()
        self._before[token], self._after[token] = [], []
        try:
            malformed = isinstance(payload, MalformedPdu)
            self.counts.requests["malformed" if malformed else "served"] += 1
            if isinstance(payload, MalformedPdu):
                effects = Server.malformed(peer, token, payload)
            else:
                effects = self.server.handle(Incoming(peer, token, payload, octets), self._clock.moment())
            self._perform(effects)
            self._due.set()
            answer = await self._replies[token]
            return [*self._before[token], answer, *self._after[token]]
        finally:
            del self._replies[token], self._before[token], self._after[token]

    def peer_gone(self, peer: str) -> None:
        """A client is gone: an unavailable presence, or something sent to it came back."""
        self.server.peer_gone(peer, self._clock.moment())
        self._due.set()

    def withdrawn(self, peer: str) -> None:
        """The hub says that a provider (its bare JID) may command no more."""
        log.info("a provider may command no more: what it had waiting or selected is gone", peer=peer)
        self._perform(self.server.withdraw(peer, self._clock.moment()))
        self._due.set()

    def link_lost(self) -> None:
        """The box's own link is lost."""
        self.server.link_lost(self._clock.moment())
        self._due.set()

    async def tick(self) -> None:
        """Carry out what is due, and what a change of the model brings, for ever."""
        while True:
            self._due.clear()
            moment = self._clock.moment()
            self._perform(self.server.tick(moment))
            at = self.server.next_tick()
            wait = LONGEST_WAIT if at is None else min(max(at - moment.now, 0.0), LONGEST_WAIT)
            # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._due.wait()

    def _changed(self, changes: Sequence[Change]) -> None:
        del changes
        self._due.set()

    def _perform(self, effects: Iterable[Effect]) -> None:
        ahead: list[Send] = []
        answered: Reply | None = None
        for effect in effects:
            match effect:
                case Send():
                    ahead.append(effect)
                case Reply():
                    self._reply(effect, ahead)
                    ahead, answered = [], effect
                case Switch():
                    task = asyncio.create_task(self._switch(effect))
                    self.switching_now.add(task)
                    task.add_done_callback(self.switching_now.discard)
                case Drive():
                    self._switching.drive(effect)
                case Settled(references):
                    self._settings.save(self.server.tree, references)
        for sent in ahead:
            # A termination must not overtake the answer to its operate (8-2, 20.6).
            if answered is not None and sent.peer == answered.peer and answered.token in self._after:
                self._after[answered.token].append(sent.payload)
                continue
            self.counts.reports += _is_report(sent.payload)
            self._send(sent.peer, sent.payload)

    def _reply(self, reply: Reply, ahead: list[Send]) -> None:
        """An answer, with the LastApplError that goes before it (8-2, 20.8)."""
        waiting = self._replies.get(reply.token)
        if waiting is not None and not waiting.done():
            self._before[reply.token] = [sent.payload for sent in ahead]
            waiting.set_result(reply.payload)

    async def _switch(self, switch: Switch) -> None:
        cause = await self._switching.command(switch.reference, switch.value)
        outcome = "done" if cause is None else cause.text
        self.counts.controls[outcome] += 1
        log.info(
            "control",
            reference=str(switch.reference),
            value=switch.value,
            or_cat=switch.or_cat.name.lower(),
            outcome=outcome,
        )
        self._perform(self.server.switched(switch.key, cause, self._clock.moment()))
        self._switching.commanded(switch.reference, switch.value, cause)
        self._due.set()


def _is_report(payload: Payload) -> bool:
    """Whether it is a report and not what goes with a control (8-2, 17.1: the list named RPT)."""
    match payload.pdu:
        case Unconfirmed(InformationReport(VariableListName())):
            return True
    return False
