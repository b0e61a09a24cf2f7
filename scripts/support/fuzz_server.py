"""The server's promise: every PDU gets exactly one answer that encodes, and the model stays valid."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from random import Random

from iec61850_model.mms.carrier import Carrier, carriers
from iec61850_model.mms.pdu import ConfirmedResponse, InitiateRequest, InitiateResponse, Payload
from iec61850_model.mms.xer import MalformedPdu, decode_payload, encode, encode_payload, parse
from iec61850_model.reference import Reference
from iec61850_model.scl import Model
from iec61850_model.server import Effect, Incoming, Moment, Reply, Send, Server, Settled, Switch
from iec61850_model.server.associations import MAX_ASSOCIATIONS
from iec61850_model.tree import Branch, Leaf, Node, Tree
from iec61850_model.types import ValueRefused
from iec61850_model.values import GOOD, AddCause
from support.fuzz_case import Broken, Step
from support.fuzz_codec import comparable
from support.fuzz_mutations import damaged
from support.fuzz_seeds import NOW, fresh_model, seed, valid

PEERS = (
    *("agg@hub.example.org/desk1", "agg@hub.example.org/desk2", "heat@hub.example.org/" + "é" * 500),
    "history.hub.example.org",
)
STEPS = 25
"""Requests to one server: enough for associations, repeats and pending controls to meet."""
LOOK_EVERY = 8
"""Requests between two looks at the whole model; there are 600 attributes."""
MAX_TICKS = 50
"""Ticks after one request until nothing is due; a portion of a block's backlog takes one."""
COMMANDED = ("ST", "MX")
"""Functional constraints under which a control changes something."""
BLOCKS = ("BR", "RP", "LG")
"""Functional constraints of control blocks: their own state machines change them."""
MEASURED = Reference.parse("MET/MMXU1.TotW")
"""What changes with every request, so that there is something to report and to log."""
MAX_DIRECT_SIZE = 65_536
"""Octets an answer without an association may have."""


class BoxServer:
    """``Server.handle``, ``switched``, ``tick`` and ``malformed`` over the shipped model."""

    name = "server"

    def episode(self, random: Random) -> list[Step]:
        """Associations, commands, and then requests of which most are damaged."""
        steps = [
            Step.of(encode_payload(Payload(InitiateRequest(size), str(at + 1))).encode(), at % len(PEERS))
            for at, size in enumerate((8_192, 65_536, 65_536, 8_192)[: random.choice((0, 1, 4, 4))])
        ]
        for _ in range(random.randint(1, STEPS)):
            # The server counts its halves of the association ids from 1.
            peer = random.randrange(len(PEERS))
            odd = random.choice((None, None, "1:1", "4:4", "1", "9:9"))
            association = f"{peer + 1}:{peer + 1}" if random.random() < 0.4 else odd
            octets = valid(random, association) if random.random() < 0.7 else seed(random)
            if random.random() < 0.4:
                octets = damaged(random, octets)
            after = random.choices((0.0, 0.5, 10.0, 70.0, 400.0, -5.0), (30, 8, 4, 2, 1, 1))[0]
            process = random.choice(("takes", "takes", "takes", "refuses", "waits"))
            steps.append(Step.of(octets, peer, after, process))
        return steps

    def run(self, steps: Sequence[Step]) -> None:
        """Feed the steps to a fresh server; raises Broken, or what the server must not raise."""
        session = _Session()
        for token, step in enumerate(steps):
            session.feed(token, step)
            if token % LOOK_EVERY == LOOK_EVERY - 1:
                session.check_model()
        session.finish()


@cache
def _pristine() -> Model:
    return fresh_model()


class _Session:
    """One server and everything it was asked."""

    def __init__(self) -> None:
        self._server = Server(copy.deepcopy(_pristine().tree), _pristine().blocks)
        self._now = NOW
        self._asked: dict[int, str] = {}
        self._answers: Counter[int] = Counter()
        self._waiting: list[Switch] = []
        self._sizes: dict[tuple[str, str], int] = {}
        self._size_of: dict[int, int] = {}
        self._settings = dict(_leaves(self._server.tree))
        self._fixed = {
            at: leaf.value
            for at, leaf in self._settings.items()
            if not leaf.writable and at[2] not in COMMANDED and at[2] not in BLOCKS
        }

    def feed(self, token: int, step: Step) -> None:
        peer = PEERS[step.peer]
        self._now += step.after
        moment = Moment(self._now, synchronized=step.process != "refuses" or token % 3 != 0)
        try:
            payload = decode_payload(parse(step.octets))
        except MalformedPdu as malformed:
            self._asked[token], self._size_of[token] = peer, MAX_DIRECT_SIZE
            self._take(Server.malformed(peer, token, malformed), step.process, moment)
            return
        self._asked[token] = peer
        self._size_of[token] = self._sizes.get((peer, payload.association or ""), MAX_DIRECT_SIZE)
        incoming = Incoming(peer, token, payload, len(step.octets))
        self._take(self._server.handle(incoming, moment), step.process, moment)
        self._server.tree.update(MEASURED, float(token), GOOD, moment.timestamp)
        self._tick(step.process, moment)
        if len(self._server.associations) > MAX_ASSOCIATIONS:
            raise Broken("too many associations", str(len(self._server.associations)))

    def _tick(self, process: str, moment: Moment) -> None:
        """Tick as a box does, until nothing is due: what a control switches is there to be reported."""
        for _ in range(MAX_TICKS):
            self._take(self._server.tick(moment), process, moment)
            due = self._server.next_tick()
            if due is None or due > self._now - 1 or self._waiting:
                return
        raise Broken("ticks leave something due", f"{due} at {self._now}")

    def finish(self) -> None:
        moment = Moment(self._now)
        for switch in self._waiting:
            self._take(self._server.switched(switch.key, None, moment), "takes", moment)
        for token, peer in self._asked.items():
            if self._answers[token] != 1:
                raise Broken("not exactly one answer", f"{self._answers[token]} to request {token} of {peer}")
        for peer in PEERS:
            self._server.peer_gone(peer, moment)
        if len(self._server.associations):
            raise Broken("an association outlives its client", str(len(self._server.associations)))
        self.check_model()

    def _take(self, effects: Sequence[Effect], process: str, moment: Moment) -> None:
        open_effects = list(effects)
        while open_effects:
            match open_effects.pop(0):
                case Reply(peer, token, payload):
                    self._take_reply(peer, token, payload)
                case Send(peer, payload):
                    _check_encodes(payload, Carrier.MESSAGE)
                    if peer not in PEERS:
                        raise Broken("a message to nobody who asked", peer)
                    agreed = self._sizes.get((peer, payload.association or ""), MAX_DIRECT_SIZE)
                    size = len(encode(payload.pdu).encode())
                    if size > agreed:
                        raise Broken("a message above the negotiated size", f"{size} > {agreed}")
                case Switch() as switch if process == "waits":
                    self._waiting.append(switch)
                case Switch() as switch:
                    cause = AddCause.BLOCKED_BY_PROCESS if process == "refuses" else None
                    open_effects += self._server.switched(switch.key, cause, moment)
                case Settled(references):
                    self._check_settled(references)

    def _take_reply(self, peer: str, token: object, payload: Payload) -> None:
        assert isinstance(token, int)
        self._answers[token] += 1
        if self._asked[token] != peer:
            raise Broken("an answer to somebody else", f"{self._asked[token]} asked, {peer} is answered")
        _check_encodes(payload, Carrier.IQ_RESULT)
        if isinstance(payload.pdu, InitiateResponse) and payload.association:
            self._sizes[peer, payload.association] = payload.pdu.local_detail
        size = len(encode(payload.pdu).encode())
        if isinstance(payload.pdu, ConfirmedResponse) and size > self._size_of[token]:
            raise Broken("an answer above the negotiated size", f"{size} > {self._size_of[token]}")

    def _check_settled(self, references: Sequence[Reference]) -> None:
        for reference in references:
            if self._server.tree.find(reference) is None:
                raise Broken("a setting that does not exist", str(reference))

    def check_model(self) -> None:
        for at, leaf in self._settings.items():
            try:
                same = comparable(leaf.type.checked(leaf.value)) == comparable(leaf.value)
            except ValueRefused as refused:
                raise Broken("the model holds an invalid value", f"{at}: {refused}") from None
            if not same:
                raise Broken("the model holds a value of another form", f"{at}: {leaf.value!r:.60}")
            if at in self._fixed and comparable(self._fixed[at]) != comparable(leaf.value):
                raise Broken("a read-only attribute was written", str(at))
        if dict(_leaves(self._server.tree)).keys() != self._settings.keys():
            raise Broken("the model has other attributes", "")


Place = tuple[str, str, str, tuple[str, ...]]


def _leaves(tree: Tree) -> Iterator[tuple[Place, Leaf]]:
    for device in tree.devices.values():
        for ln, node in device.nodes.items():
            for fc, branch in node.by_fc.items():
                for path, leaf in _below((), branch):
                    yield (device.name, ln, fc.value, path), leaf


def _below(path: tuple[str, ...], node: Node) -> Iterator[tuple[tuple[str, ...], Leaf]]:
    if isinstance(node, Leaf):
        yield path, node
    elif isinstance(node, Branch):
        for name, child in node.children.items():
            yield from _below((*path, name), child)
    else:
        for at, child in enumerate(node.elements):
            yield from _below((*path, str(at)), child)


def _check_encodes(payload: Payload, carrier: Carrier) -> None:
    xml = encode_payload(payload)
    try:
        again = decode_payload(parse(xml), strict=True)
    except MalformedPdu as malformed:
        raise Broken("an answer that cannot be read", f"{malformed}: {xml:.150}") from None
    if comparable(again) != comparable(payload):
        raise Broken("an answer that reads as something else", f"{xml:.200}")
    if carrier not in carriers(payload.pdu):
        raise Broken("an answer in the wrong stanza", f"{type(payload.pdu).__name__} as {carrier}")
