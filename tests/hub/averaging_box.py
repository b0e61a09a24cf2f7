"""A box of the shipped model whose averages a test makes up: a real server, without sensors and network.

It takes and gives stanzas as text, as a component link sends and hears them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

from hub.history.quantities import QUANTITIES
from hub.stanzas import stanza
from iec61850_model.mms.xer import decode_payload, encode_payload
from iec61850_model.reference import Reference
from iec61850_model.scl import read_model
from iec61850_model.server import Effect, Incoming, Moment, Reply, Send, Server
from iec61850_model.server.buffer import EntryBuffer
from iec61850_model.server.memory_buffer import MemoryBuffer
from iec61850_model.tree import Leaf, Update
from iec61850_model.values import GOOD, Quality, Timestamp

MODEL = Path(__file__).parents[2] / "config" / "heatpump-box.icd"
_NS = "jabber:component:accept"


@cache
def _model() -> bytes:
    return MODEL.read_bytes()


class AveragingBox:
    """``say(xml)`` is how it speaks. Its clock stands but for what it waits for; averages have any time."""

    def __init__(
        self, jid: str, say: Callable[[str], None], buffers: dict[str, EntryBuffer] | None = None
    ) -> None:
        self.jid = jid
        self.there = True
        self.asked: list[str] = []
        self.buffers = {} if buffers is None else buffers
        self._say = say
        model = read_model(_model())
        self._tree = model.tree
        self._server = Server(model.tree, model.blocks, self._buffer)
        self._now = 1_700_000_000.0

    def _buffer(self, block: str) -> EntryBuffer:
        return self.buffers.setdefault(block, MemoryBuffer())

    @property
    def reporting(self) -> bool:
        """The collector's block is enabled."""
        enabled = self._tree.find(Reference.parse("AVG/LLN0.brcbAvg01.RptEna[BR]"))
        assert isinstance(enabled, Leaf)
        return enabled.value is True

    # --- what the box does ------------------------------------------------------------------------

    def announce(self, collector: str) -> None:
        """Log in: directed presence to the collector."""
        self._say(stanza("presence", "", "", self.jid, collector))

    def average(self, end: float, power: float, quality: Quality = GOOD) -> None:
        """An interval has ended: new averages, all at once."""
        time = Timestamp.from_unix(end)
        self._tree.update_all(
            Update(Reference.parse(one.reference), 1000 if one.whole else power, quality, time)
            for one in QUANTITIES
        )
        self.work()

    def work(self) -> None:
        """Send what is due: after BufTm, and the backlog portion by portion."""
        while (due := self._server.reports.next_tick()) is not None:
            self._now = max(self._now, due)
            self._perform(self._server.tick(Moment(self._now)))

    # --- what it hears ----------------------------------------------------------------------------

    def hear(self, xml: str) -> None:
        """A stanza, or several, for this box."""
        for element in fromstring(f'<s xmlns="{_NS}">{xml}</s>'):
            self._take(element)

    def _take(self, element: Element) -> None:
        kind, type_, sender = element.tag.rpartition("}")[2], element.get("type", ""), element.get("from", "")
        if kind == "presence":
            if type_ == "unavailable":
                self._server.peer_gone(sender, Moment(self._now))
            elif "@" not in sender:
                self.announce(sender)
        elif type_ == "error":
            self._server.peer_gone(sender, Moment(self._now))
        elif kind == "iq":
            self.asked.append(element[0].tag)
            payload = decode_payload(element[0])
            incoming = Incoming(sender, element.get("id", ""), payload, 100)
            self._perform(self._server.handle(incoming, Moment(self._now)))
            self.work()

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Reply(peer, token, payload):
                    self._say(stanza("iq", "result", str(token), self.jid, peer, encode_payload(payload)))
                case Send(peer, payload):
                    self._say(stanza("message", "normal", "r", self.jid, peer, encode_payload(payload)))
