"""Our own server with its ICD, reached without a network but through real XML."""

from __future__ import annotations

from iec61850_model.blocks import Blocks
from iec61850_model.client import Client
from iec61850_model.mms.pdu import Payload
from iec61850_model.mms.xer import decode_payload, encode_payload, parse
from iec61850_model.server.dispatch import NO_BLOCKS, Server
from iec61850_model.server.effects import Effect, Incoming, Moment, Reply, Send, Switch
from iec61850_model.tree import Tree
from iec61850_model.values import AddCause
from tests.iec61850_model.box_model import box_tree

NOW = 1_800_000_000.0


class Box:
    """A server with a relay that obeys, reached without a network; its model has the blocks given here.

    ``slow``: the relay does not do so by itself.
    """

    def __init__(self, blocks: Blocks = NO_BLOCKS, tree: Tree | None = None) -> None:
        self.server = Server(tree or box_tree(), blocks)
        self.client = Client(self)
        self.now: float = NOW
        self.requests = 0
        self.refuse: AddCause | None = None
        self.slow = False
        self.waiting: list[tuple[str, Switch]] = []

    async def request(self, peer: str, payload: Payload) -> Payload:
        self.requests += 1
        xml = encode_payload(payload)
        incoming = Incoming("agg@hub.example.org/desk", 1, decode_payload(parse(xml)), len(xml))
        answer = self._perform(peer, self.server.handle(incoming, Moment(self.now)))
        assert answer is not None
        return answer

    def obey(self) -> None:
        """A slow relay does what it was asked."""
        for peer, switch in self.waiting:
            self._perform(peer, self.server.switched(switch.key, self.refuse, Moment(self.now)))
        self.waiting.clear()

    def _perform(self, peer: str, effects: list[Effect]) -> Payload | None:
        answer: Payload | None = None
        while effects:
            effect = effects.pop(0)
            match effect:
                case Switch() if self.slow:
                    self.waiting.append((peer, effect))
                case Switch(key):
                    effects += self.server.switched(key, self.refuse, Moment(self.now))
                case Send(_, message):
                    self.client.receive(peer, decode_payload(parse(encode_payload(message))))
                case Reply(_, _, reply):
                    answer = decode_payload(parse(encode_payload(reply)))
        return answer
