"""A box with its real model that reports, reached without a network but through real XML; things can go wrong
on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from iec61850_model.blocks import DataSetConfig
from iec61850_model.mms.pdu import Payload, Unconfirmed
from iec61850_model.mms.xer import decode_payload, encode_payload, parse
from iec61850_model.reference import Reference
from iec61850_model.scl import read_model
from iec61850_model.server.dispatch import Server
from iec61850_model.server.effects import Effect, Incoming, Moment, Reply, Send
from iec61850_model.values import GOOD, Quality, Timestamp
from service_provider.access import HeatPumpAccess
from service_provider.errors import HeatPumpOffline

ICD = Path(__file__).parents[2] / "config" / "heatpump-box.icd"
HUB = "hub.example.org"
PEER = f"hp0001@{HUB}/IEC"
US = "agg@hub.example.org/desk"
START = 1_800_000_000.0


class ReportingBox:
    """One heat pump and the link to it. ``on_the_way`` may look at each report, change it, or lose it.

    ``data_sets``: configured beside those of the ICD.
    """

    def __init__(self, *data_sets: DataSetConfig) -> None:
        model = read_model(ICD.read_bytes())
        blocks = replace(model.blocks, data_sets=(*model.blocks.data_sets, *data_sets))
        self.server = Server(model.tree, blocks)
        self.now = START
        self.online = True
        self.on_the_way: Callable[[Payload], Payload | None] = lambda payload: payload
        self.requests: list[Payload] = []
        self.sp = HeatPumpAccess(self, HUB)

    async def request(self, peer: str, payload: Payload) -> Payload:
        if peer != PEER or not self.online:
            raise HeatPumpOffline(f"{peer} cannot be reached now")
        self.requests.append(payload)
        xml = encode_payload(payload)
        incoming = Incoming(US, 1, decode_payload(parse(xml)), len(xml))
        answers = self._carry_out(self.server.handle(incoming, Moment(self.now)))
        self.tick()
        (answer,) = answers
        return answer

    def _carry_out(self, effects: list[Effect]) -> list[Payload]:
        answers = []
        for effect in effects:
            match effect:
                case Reply(_, _, payload):
                    answers.append(decode_payload(parse(encode_payload(payload))))
                case Send(peer, payload) if self.online and peer == US:
                    assert isinstance(payload.pdu, Unconfirmed)
                    arrived = self.on_the_way(decode_payload(parse(encode_payload(payload))))
                    if arrived is not None:
                        self.sp._take(PEER, arrived)
        return answers

    def tick(self, seconds: float = 0.0) -> None:
        """Let time pass, and the box do what is due."""
        self.now += seconds
        for _ in range(1000):
            due = self.server.next_tick()
            if due is None or due > self.now:
                return
            self._carry_out(self.server.tick(Moment(self.now)))
        raise AssertionError("the box never comes to rest")

    def has(
        self, reference: str, value: bool | int | float, quality: Quality = GOOD, pause: float = 2.0
    ) -> None:
        """A new value, and ``pause`` seconds go by: 2 are longer than any BufTm of the model."""
        self.server.tree.update(Reference.parse(reference), value, quality, Timestamp.from_unix(self.now))
        self.tick()
        self.tick(pause)

    def cut(self) -> None:
        """The link is gone, and both ends know it."""
        self.online = False
        self.server.peer_gone(US, Moment(self.now))
        self.tick()
        self.sp._client.peer_gone(PEER)
        self.sp._subscriptions.lost(PEER, "hp0001 is offline")

    def mend(self) -> None:
        """The link is there again."""
        self.online = True
        self.sp._subscriptions.back(PEER)
