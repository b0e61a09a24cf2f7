"""A provider who asks for the history, through the real router and the real answering side of the collector.

The databases are real; what lies between is passed on as text, in another turn of the event loop.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, fromstring

from hub.addresses import Addresses
from hub.history.link import CollectorLink
from hub.history.quantities import QUANTITIES
from hub.history.reading import Sample
from hub.history.serving import Serving
from hub.history.store import HistoryStore, Intake
from hub.ops_way import RouterWithOperations
from hub.registry import Registry, changes_since
from hub.registry.consents import series_of
from hub.roster import Roster
from hub.stanzas import Stanza, stanza
from iec61850_model.client import NoAnswer
from iec61850_model.mms.carrier import carriers
from iec61850_model.mms.pdu import Payload
from iec61850_model.mms.xer import decode_payload, encode_payload
from iec61850_model.xmpp import StanzaError
from service_provider.access import HeatPumpAccess
from service_provider.errors import translated

HUB = "hub.example.org"
PERIOD = 300
NOW = 1_800_000_000.0
START = int(NOW)
"""An end of an interval."""


def element(xml: str) -> Element:
    return fromstring(f'<s xmlns="jabber:component:accept">{xml}</s>')[0]


def sample(number: int, *, invalid: int = 0, questionable: int = 0, given: int = 1 << 0 | 1 << 17) -> Sample:
    """That of the interval that ends ``number`` intervals after START, with the quantities of ``given``."""
    cells = [
        (1000 + number if one.whole else 0.5 + number) if given >> one.bit & 1 else None for one in QUANTITIES
    ]
    return Sample(START + number * PERIOD, invalid, questionable, tuple(cells))


@dataclass
class HistoryReader:
    """``sp`` asks as ``control@agg.example/desk1``. ``stanzas``: what went to the collector and came back."""

    registry: Registry
    store: HistoryStore
    now: float = NOW
    sender: str = "control@agg.example/desk1"
    stanzas: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    """All that the collector ever sent."""

    def __post_init__(self) -> None:
        self.router = RouterWithOperations(Addresses(HUB), Roster())
        self.link = CollectorLink(f"history.{HUB}", "secret", ("127.0.0.1", 1))
        self.link.answer = self._answer  # type: ignore[method-assign]
        self.serving = Serving(self.registry, self.store, self.link, HUB, PERIOD, lambda: self.now)
        self.link.on_request = self.serving.take
        self.sp = HeatPumpAccess(self, HUB)
        self._waiting: dict[str, asyncio.Future[str]] = {}
        self._count = 0
        self._work = asyncio.create_task(self.serving.run())

    async def close(self) -> None:
        self._work.cancel()
        await asyncio.wait({self._work})
        if not self._work.cancelled():
            self._work.result()

    async def reload(self) -> None:
        """The router takes over what is in the registry."""
        self.router.roster = Roster()
        self.router.roster.apply(await self.registry.read(changes_since, 0))

    async def fill(self, heat_pump_pk: int, *samples: Sample) -> int:
        series: int = (await self.registry.run(series_of, [heat_pump_pk]))[heat_pump_pk]
        await self.store.open_series([series], NOW)
        await self.store.write([Intake(series, bytes(8), one) for one in samples], NOW)
        return series

    async def request(self, peer: str, payload: Payload) -> Payload:
        """A Transport of the client."""
        answer = Stanza.of(element(await self.ask(peer, payload)))
        if answer.type == "error":
            raise translated(peer.partition("@")[0], StanzaError(answer.error_condition, ""))
        return decode_payload(answer.children[0])

    async def ask(self, peer: str, payload: Payload) -> str:
        """The stanza that the provider gets; raises NoAnswer."""
        self._count += 1
        id_ = f"i{self._count}"
        kind = carriers(payload.pdu)[0]
        asked = stanza("iq", kind, id_, self.sender, peer, encode_payload(payload))
        routed = self.router.route(Stanza.of(element(asked)), self.now)
        if ' to="' + self.sender in routed.xml:
            return routed.xml
        self.stanzas.append(routed.xml)
        self._waiting[id_] = asyncio.get_running_loop().create_future()
        self.link.take(Stanza.of(element(routed.xml)))
        await asyncio.wait({self._work, self._waiting[id_]}, return_when=asyncio.FIRST_COMPLETED)
        if self._work.done():
            self._work.result()
        back = self.router.route(Stanza.of(element(self._waiting.pop(id_).result())), self.now)
        if not back.xml:
            raise NoAnswer(back.reason)
        return back.xml

    def _answer(self, xml: str) -> bool:
        self.answered.append(xml)
        waiting = self._waiting.get(element(xml).get("id", ""))
        if waiting is not None:
            waiting.set_result(xml)
        return True
