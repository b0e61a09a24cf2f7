"""A served box for dialogues: what a client sends goes in, what the server answers comes out."""

from __future__ import annotations

import itertools

from box_model import box_tree

from iec61850_model.blocks import Blocks
from iec61850_model.mms.pdu import (
    ConfirmedRequest,
    ConfirmedResponse,
    Data,
    InformationReport,
    InitiateRequest,
    ObjectName,
    Payload,
    Pdu,
    ReadRequest,
    ReadResponse,
    RequestService,
    Unconfirmed,
    VariableList,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.reference import Reference
from iec61850_model.server import Effect, Incoming, Moment, Reply, Send, Server, Switch
from iec61850_model.server.dispatch import NO_BLOCKS
from iec61850_model.tree import Tree
from iec61850_model.values import AddCause, OrCat, Timestamp

NOON = 1_795_000_000.0
"""The moment the dialogues start, seconds since 1970 UTC."""
SP, OTHER = "agg7@hub.example.org/desk1", "agg8@hub.example.org/desk1"


def named(*references: str) -> VariableList:
    """The variables of references ``LD/LN.DO.DA[FC]``, or of MMS names ``LD:item`` as they are."""
    return VariableList(tuple(_named(text) for text in references))


def _named(text: str) -> ObjectName:
    if ":" in text:
        domain, _, item = text.partition(":")
        return ObjectName(item, domain or None)
    reference = Reference.parse(text)
    return ObjectName(reference.item_id, reference.ld)


def structure(*parts: Data) -> Data:
    return Data("structure", parts)


class Box:
    """A server on the shipped model, or on ``tree``, and a clock that stands still until ``wait``.

    It has the data sets and control blocks given here, by default none: nothing happens by itself then.
    """

    def __init__(self, blocks: Blocks = NO_BLOCKS, tree: Tree | None = None) -> None:
        self.tree = tree or box_tree()
        self.server = Server(self.tree, blocks)
        self.moment = Moment(NOON)
        self._ids = itertools.count(1)

    def wait(self, seconds: float) -> list[Effect]:
        """Time goes by; the server does what is due."""
        self.moment = Moment(self.moment.now + seconds, self.moment.synchronized)
        return self.server.tick(self.moment)

    def hear(
        self, pdu: Pdu, *, peer: str = SP, association: str | None = None, octets: int = 500
    ) -> list[Effect]:
        """All effects of a PDU."""
        incoming = Incoming(peer, f"iq{next(self._ids)}", Payload(pdu, association), octets)
        return self.server.handle(incoming, self.moment)

    def ask(self, pdu: Pdu, *, peer: str = SP, association: str | None = None, octets: int = 500) -> Pdu:
        """The answer to a PDU that is answered at once."""
        (effect,) = self.hear(pdu, peer=peer, association=association, octets=octets)
        assert isinstance(effect, Reply)
        assert effect.payload.association == association
        return effect.payload.pdu

    def service(self, service: RequestService, *, peer: str = SP, association: str | None = None) -> object:
        """The answer to a confirmed service: its response, or the error or reject in its place."""
        answer = self.ask(ConfirmedRequest(7, service), peer=peer, association=association)
        if isinstance(answer, ConfirmedResponse):
            assert answer.invoke_id == 7
            return answer.service
        return answer

    def associate(self, *, peer: str = SP, half: str | None = "1", pdu_size: int = 65_536) -> str:
        """Open an association; its id."""
        (effect,) = self.hear(InitiateRequest(local_detail=pdu_size), peer=peer, association=half)
        assert isinstance(effect, Reply) and effect.payload.association is not None
        return effect.payload.association

    def read(self, *references: str, peer: str = SP) -> tuple[object, ...]:
        """What a read of these variables results in, one by one."""
        answer = self.service(ReadRequest(named(*references)), peer=peer)
        assert isinstance(answer, ReadResponse)
        return answer.results

    def write(self, values: dict[str, Data]) -> tuple[object, ...]:
        """What a write of these variables results in, one by one: None is written."""
        effects = self.hear(ConfirmedRequest(7, WriteRequest(named(*values), tuple(values.values()))))
        return written(effects)

    def oper(
        self,
        value: Data,
        *,
        number: int = 1,
        time: float | None = None,
        at: float = 0.0,
        test: bool = False,
        category: int = OrCat.REMOTE_CONTROL,
    ) -> Data:
        """An Oper structure; ``time`` is T (now), ``at`` is operTm (0: at once)."""
        made = Timestamp.from_unix(self.moment.now if time is None else time)
        return structure(
            value,
            Data("utc-time", Timestamp.from_unix(at, 0)),
            structure(Data("integer", int(category)), Data("octet-string", b"agg7")),
            Data("unsigned", number),
            Data("utc-time", made),
            Data("boolean", test),
            Data("bit-string", "00"),
        )

    def operate(
        self, target: str, oper: Data, *, peer: str = SP, association: str | None = None
    ) -> list[Effect]:
        """Write an Oper structure to a data object ``LD/LN.DO``."""
        request = WriteRequest(named(f"{target}.Oper[CO]"), (oper,))
        return self.hear(ConfirmedRequest(7, request), peer=peer, association=association)

    def carried_out(self, effects: list[Effect], cause: AddCause | None = None) -> list[Effect]:
        """The process takes (or refuses) what the only Switch of these effects asks."""
        return self.server.switched(switch_of(effects).key, cause, self.moment)


def switch_of(effects: list[Effect]) -> Switch:
    """The only Switch of these effects."""
    (switch,) = [effect for effect in effects if isinstance(effect, Switch)]
    return switch


def written(effects: list[Effect]) -> tuple[object, ...]:
    """The results of the write that the only Reply of these effects answers."""
    (reply,) = [effect for effect in effects if isinstance(effect, Reply)]
    answer = reply.payload.pdu
    assert isinstance(answer, ConfirmedResponse) and isinstance(answer.service, WriteResponse)
    return answer.service.results


def refusal(effects: list[Effect]) -> tuple[AddCause, tuple[object, ...]]:
    """The AddCause of the LastApplError that comes first, and the failed write that follows it."""
    error, reply = effects
    assert isinstance(error, Send) and isinstance(reply, Reply)
    assert error.peer == reply.peer and error.payload.association == reply.payload.association
    assert isinstance(error.payload.pdu, Unconfirmed)
    report = error.payload.pdu.service
    assert isinstance(report, InformationReport)
    assert report.variables == VariableList((ObjectName("LastApplError"),))
    (value,) = report.results
    assert isinstance(value, Data) and isinstance(value.value, tuple)
    cause = value.value[-1]
    assert isinstance(cause, Data) and isinstance(cause.value, int)
    return AddCause(cause.value), written([reply])
