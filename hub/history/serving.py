"""Answers for the logical device HIST of every heat pump: what providers ask at ``hp0042@history.<hub>/IEC``.

They ask through the router, which has judged their grants; here they are judged again, for what may be read
depends on when each interval was. It is read in turns, one provider after the other, and after each request
the process rests as long as the answer took to make: collecting always has half of it.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hub.addresses import HEAT_PUMP_RESOURCE, Jid
from hub.history.device import LOG_ITEM, LOG_REFERENCE, HistoryDevice
from hub.history.reading import Sample
from hub.history.turns import Asked, Turns
from hub.needs import HISTORY_DEVICE
from hub.registry import Registry
from hub.registry.history_access import HistoryAccess, history_access
from hub.registry.usage import HISTORY_ROWS, Used
from hub.requests import payload_of
from hub.stanzas import Condition, Stanza, error, stanza
from iec61850_model.mms.carrier import is_request
from iec61850_model.mms.pdu import (
    DEFAULT_PDU_SIZE,
    ConfirmedError,
    ConfirmedRequest,
    ConfirmedResponse,
    MmsError,
    ObjectName,
    Payload,
    ReadJournalRequest,
    ReadJournalResponse,
)
from iec61850_model.mms.xer import MalformedPdu, decode_payload, encode_payload
from iec61850_model.server.effects import Effect, Incoming, Moment, Reply
from iec61850_model.server.logs.journal import page_limit

log = structlog.get_logger()

ANSWER_WITHIN = 15.0
"""Seconds that a request may wait, and the databases may take for it: who asked has given up then."""
_FOREVER = 1 << 62
"""Later than any interval."""
_LOG = ObjectName(LOG_ITEM, HISTORY_DEVICE)


class Link(Protocol):
    """What is needed of the component's link."""

    def answer(self, xml: str) -> bool:
        """Send an answer; False: it could not be."""
        ...

    def unavailable(self, request: Stanza) -> None:
        """Answer ``service-unavailable``."""
        ...


class Store(Protocol):
    """What is needed of the history's database."""

    async def ends(self, series: int, first: int, last: int) -> tuple[int | None, Sample | None]:
        """The oldest interval and the newest sample."""
        ...

    async def between(self, series: int, first: int, last: int, limit: int) -> list[Sample]:
        """The samples, the oldest first."""
        ...


@dataclass(slots=True)
class ServingCounts:
    """What happened since the start: requests by what became of them, and the rows that were sent."""

    requests: Counter[str] = field(default_factory=Counter)
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Visible:
    """The intervals of a series that may be read: those that end from ``first`` to ``last``."""

    series: int | None
    first: int
    last: int

    @classmethod
    def of(cls, access: HistoryAccess, period: int) -> Visible:
        """An interval of ``period`` seconds may be read if all of it was in the time that is granted."""
        last = _FOREVER if access.ends is None else min(math.floor(access.ends), _FOREVER)
        return cls(access.series, math.ceil(access.begins + period), last)


class Serving:
    """Requests in by ``take``, answers out by ``link``.

    ``hub``: the domain whose aliases may ask; ``period``: seconds of an interval.
    """

    def __init__(
        self,
        registry: Registry,
        store: Store,
        link: Link,
        hub: str,
        period: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.counts = ServingCounts()
        self.used: Counter[Used] = Counter()
        """Rows sent since the last entry in the accounts."""
        self._registry = registry
        self._store = store
        self._link = link
        self._hub = hub
        self._period = period
        self._clock = clock
        self._device = HistoryDevice()
        self._turns = Turns()
        self._filled = asyncio.Event()
        self._failing = False

    def __len__(self) -> int:
        """Requests that wait for their turn."""
        return len(self._turns)

    def take(self, request: Stanza) -> None:
        """An iq that asks came; only the router's aliases of providers are answered."""
        sender, to = Jid.parse(request.sender), Jid.parse(request.to)
        asked = to.local and to.resource == HEAT_PUMP_RESOURCE and payload_of(request) is not None
        if sender.domain != self._hub or not sender.local or not asked:
            self.counts.requests["not for here"] += 1
            self._link.unavailable(request)
            return
        dropped = self._turns.put(Asked(request, sender.local, to.local, self._clock()))
        if dropped is not None:
            self._refuse(dropped.stanza, Condition.RESOURCE_CONSTRAINT, "too many")
        self._filled.set()

    def forget(self) -> None:
        """The link is down: nobody waits for an answer any more."""
        self._turns.clear()

    async def run(self) -> None:
        """Answer until cancelled."""
        while True:
            await self._filled.wait()
            asked = self._turns.next()
            if asked is None:
                self._filled.clear()
                continue
            await asyncio.sleep(await self._answer(asked))

    async def _answer(self, asked: Asked) -> float:
        """Answer one request; how many seconds of the event loop it took."""
        if self._clock() - asked.since > ANSWER_WITHIN:
            self._refuse(asked.stanza, Condition.RESOURCE_CONSTRAINT, "too late")
            return 0.0
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                return await self._served(asked)
        except (SQLAlchemyError, OSError, TimeoutError) as failed:
            if not self._failing:
                log.error("the history cannot be read", reason=str(getattr(failed, "orig", failed)))
            self._failing = True
            self._refuse(asked.stanza, Condition.RESOURCE_CONSTRAINT, "failed")
        return 0.0

    async def _served(self, asked: Asked) -> float:
        now = self._clock()
        access = await self._registry.read(
            history_access, asked.provider, asked.heat_pump, LOG_REFERENCE, now
        )
        if access is None:
            self._refuse(asked.stanza, Condition.FORBIDDEN, "no grant")
            return 0.0
        began = time.perf_counter()
        request = _request_in(asked.stanza)
        spent = time.perf_counter() - began
        if isinstance(request, MalformedPdu):
            self._reply(asked, *self._device.server.malformed(asked.stanza.sender, asked.stanza.id, request))
            return spent
        visible = Visible.of(access, self._period)
        oldest, newest = await self._ends(visible)
        found = await self._rows(visible, request, newest)
        self._failing = False
        began = time.perf_counter()
        self._device.show(oldest, newest)
        self._reply(asked, *self._effects(asked, request, found, now))
        return spent + time.perf_counter() - began

    async def _ends(self, visible: Visible) -> tuple[int | None, Sample | None]:
        if visible.series is None:
            return None, None
        return await self._store.ends(visible.series, visible.first, visible.last)

    async def _rows(
        self, visible: Visible, request: Payload, newest: Sample | None
    ) -> list[Sample] | MmsError | None:
        """The samples that a query of the log asks for; None if it is no such query."""
        query = _query_in(request)
        if query is None:
            return None
        wanted = self._device.wanted(query, newest.interval if newest else None)
        if isinstance(wanted, MmsError):
            return wanted
        if visible.series is None:
            return []
        first = max(math.ceil(wanted.earliest), wanted.after + 1, visible.first)
        last = min(math.floor(wanted.latest), visible.last)
        if first > last:
            return []
        return await self._store.between(visible.series, first, last, page_limit(DEFAULT_PDU_SIZE) + 1)

    def _effects(
        self, asked: Asked, request: Payload, found: list[Sample] | MmsError | None, now: float
    ) -> list[Effect]:
        """What the device answers. Associations are between provider and box, and nothing here needs one."""
        incoming = Incoming(asked.stanza.sender, asked.stanza.id, Payload(request.pdu), 0)
        if found is None or not isinstance(request.pdu, ConfirmedRequest):
            answers = self._device.server.handle(incoming, Moment(now))
        else:
            page = found if isinstance(found, MmsError) else self._device.page(found, DEFAULT_PDU_SIZE)
            answers = [incoming.answered(_answer(request.pdu.invoke_id, page))]
        return [
            Reply(one.peer, one.token, Payload(one.payload.pdu, request.association))
            for one in answers
            if isinstance(one, Reply)
        ]

    def _reply(self, asked: Asked, *effects: Effect) -> None:
        for one in effects:
            assert isinstance(one, Reply)
            xml = encode_payload(one.payload)
            request = asked.stanza
            sent = self._link.answer(stanza("iq", "result", request.id, request.to, request.sender, xml))
            self.counts.requests["answered" if sent else "not sent"] += 1
            rows = _rows_in(one.payload)
            if sent and rows:
                self.counts.rows += rows
                self.used[asked.provider, asked.heat_pump, HISTORY_ROWS] += rows

    def _refuse(self, request: Stanza, condition: Condition, why: str) -> None:
        self.counts.requests[why] += 1
        self._link.answer(error("iq", request.id, request.to, request.sender, condition))


def _request_in(request: Stanza) -> Payload | MalformedPdu:
    body = payload_of(request)
    assert body is not None
    try:
        payload = decode_payload(body)
    except MalformedPdu as malformed:
        return malformed
    return payload if is_request(payload.pdu) else MalformedPdu("not a request")


def _query_in(request: Payload) -> ReadJournalRequest | None:
    """A query of the one log there is."""
    match request.pdu:
        case ConfirmedRequest(_, ReadJournalRequest(name) as query) if name == _LOG:
            return query
    return None


def _answer(invoke_id: int, page: ReadJournalResponse | MmsError) -> ConfirmedResponse | ConfirmedError:
    if isinstance(page, MmsError):
        return ConfirmedError(invoke_id, page)
    return ConfirmedResponse(invoke_id, page)


def _rows_in(payload: Payload) -> int:
    match payload.pdu:
        case ConfirmedResponse(_, ReadJournalResponse(entries)):
            return len(entries)
    return 0
