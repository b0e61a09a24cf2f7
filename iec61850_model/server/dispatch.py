"""The server: every PDU gets a defined answer, whatever it is (8-2, 10.2.2.1)."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from iec61850_model.blocks import Blocks
from iec61850_model.mms import xer
from iec61850_model.mms.pdu import (
    DEFAULT_PDU_SIZE,
    FURTHER_COMMUNICATION_REQUIRED,
    INVOKE_ID_UNKNOWN,
    PDU_SIZE,
    CancelError,
    CancelRequest,
    ConcludeError,
    ConcludeRequest,
    ConcludeResponse,
    ConfirmedError,
    ConfirmedRequest,
    ConfirmedResponse,
    Data,
    DataAccessError,
    GetNameListRequest,
    GetVariableAccessAttributesRequest,
    InitiateRequest,
    MmsError,
    Payload,
    Pdu,
    ReadRequest,
    Reject,
    RejectReason,
    ResponseService,
    UnknownService,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.reference import Reference
from iec61850_model.server import access
from iec61850_model.server.associations import Associations
from iec61850_model.server.buffer import EntryBuffer
from iec61850_model.server.control import Client, Controls, Executing, Refused
from iec61850_model.server.data_sets import DataSets
from iec61850_model.server.effects import Effect, Incoming, Moment, Reply, Settled, Switch
from iec61850_model.server.memory_buffer import MemoryBuffer
from iec61850_model.tree import Tree
from iec61850_model.values import AddCause

MAX_PENDING_WRITES = 64
"""Writes that wait for the process at one time; more are refused as temporarily unavailable."""

NO_BLOCKS = Blocks()


def in_memory(block: str) -> EntryBuffer:
    """A buffer of the usual size for a control block or log, gone with the server."""
    del block
    return MemoryBuffer()


@dataclass(slots=True)
class _PendingWrite:
    """A write of which some variables wait for the process."""

    peer: str
    token: Hashable
    association: str | None
    invoke_id: int
    results: list[DataAccessError | None]
    waiting: dict[int, int] = field(default_factory=dict)


class Server:
    """An IEC 61850 server over a tree. I/O-free: PDUs and time in, effects out.

    ``blocks``: its configured data sets and control blocks. ``buffers`` gives the buffer of the control block
    or log of a reference (``AVG/LLN0$BR$brcbAvg01``).
    """

    def __init__(
        self,
        tree: Tree,
        blocks: Blocks = NO_BLOCKS,
        buffers: Callable[[str], EntryBuffer] = in_memory,
    ) -> None:
        self.tree = tree
        self.associations = Associations()
        self.data_sets = DataSets(tree, blocks.data_sets)
        self.controls = Controls(tree)
        self._buffers = buffers
        self._writes: dict[int, _PendingWrite] = {}

    def handle(self, incoming: Incoming, moment: Moment) -> list[Effect]:
        """Answer a request."""
        payload = incoming.payload
        size = DEFAULT_PDU_SIZE
        if payload.association is not None and not isinstance(payload.pdu, InitiateRequest):
            association = self.associations.use(incoming.peer, payload.association, moment.now)
            if association is None:
                return [_reply(incoming, Reject(RejectReason.ILLEGAL_ACSE_MAPPING))]
            size = association.pdu_size
        match payload.pdu:
            case InitiateRequest() as request:
                opened = self.associations.open(incoming.peer, payload.association, request, moment.now)
                return [Reply(incoming.peer, incoming.token, opened)]
            case ConcludeRequest():
                return [_reply(incoming, self._conclude(incoming.peer, payload.association))]
            case CancelRequest(invoke_id):
                return [_reply(incoming, CancelError(invoke_id, INVOKE_ID_UNKNOWN))]
            case ConfirmedRequest(invoke_id) if incoming.octets > size:
                return [_reply(incoming, ConfirmedError(invoke_id, PDU_SIZE))]
            case ConfirmedRequest(invoke_id, WriteRequest() as request):
                return self._write(incoming, invoke_id, request, moment)
            case ConfirmedRequest() as request:
                return [self._serve(incoming, request, size)]
        return [_reply(incoming, Reject(RejectReason.INVALID_PDU))]

    @staticmethod
    def malformed(peer: str, token: Hashable, error: xer.MalformedPdu) -> list[Effect]:
        """Answer a request that could not be decoded: rejectPDU with the reason."""
        return [Reply(peer, token, Payload(Reject(error.reason, error.invoke_id)))]

    def switched(self, key: int, cause: AddCause | None, moment: Moment) -> list[Effect]:
        """The process has taken (cause None) or refused what a Switch asked.

        Raises KeyError for a ``key`` that no Switch had, or that was reported before.
        """
        pending = self._writes.pop(key, None)
        effects: list[Effect] = []
        if pending is not None and cause is not None:
            effects.append(
                self.controls.last_appl_error(key, Client(pending.peer, pending.association), cause)
            )
        outcome = self.controls.switched(key, cause, moment)
        if pending is None:
            return effects
        at = pending.waiting.pop(key)
        pending.results[at] = outcome.error if isinstance(outcome, Refused) else None
        return effects + self._answer_if_complete(pending)

    def tick(self, now: float) -> list[Effect]:
        """Carry out what is due: time-activated controls, and the end of leases."""
        self.associations.expire(now)
        return self.controls.due(now)

    def next_tick(self) -> float | None:
        """When ``tick`` has something to do, seconds since 1970 UTC; None: nothing is waiting."""
        times = [self.controls.next_due(), self.associations.next_expiry()]
        return min((time for time in times if time is not None), default=None)

    def peer_gone(self, peer: str) -> None:
        """A client is gone (presence unavailable, stanza error): Abort of its associations."""
        self.associations.abort_peer(peer)

    def link_lost(self) -> None:
        """The server's own link is lost, and with it every client."""
        self.associations.abort_all()

    def _conclude(self, peer: str, association: str | None) -> ConcludeResponse | ConcludeError:
        """Release, unless a request of the association still waits for the process (8-2, 10.2)."""
        if any((one.peer, one.association) == (peer, association) for one in self._writes.values()):
            return ConcludeError(FURTHER_COMMUNICATION_REQUIRED)
        if association is not None:
            self.associations.close(peer, association)
        return ConcludeResponse()

    def _serve(self, incoming: Incoming, request: ConfirmedRequest, size: int) -> Reply:
        result: ResponseService | MmsError
        match request.service:
            case ReadRequest() as service:
                result = access.read(self.tree, service)
            case GetNameListRequest() as service:
                result = access.get_name_list(self.tree, service, size)
            case GetVariableAccessAttributesRequest(name):
                result = access.get_attributes(self.tree, name)
            case UnknownService() | WriteRequest():
                return _reply(incoming, Reject(RejectReason.UNRECOGNIZED_SERVICE, request.invoke_id))
        if isinstance(result, MmsError):
            return _reply(incoming, ConfirmedError(request.invoke_id, result))
        answer = ConfirmedResponse(request.invoke_id, result)
        if len(xer.encode(answer).encode()) > size:
            return _reply(incoming, ConfirmedError(request.invoke_id, PDU_SIZE))
        return _reply(incoming, answer)

    def _write(
        self, incoming: Incoming, invoke_id: int, request: WriteRequest, moment: Moment
    ) -> list[Effect]:
        references = access.references_to_write(request.variables)
        if isinstance(references, MmsError):
            return [_reply(incoming, ConfirmedError(invoke_id, references))]
        if len(references) != len(request.data):
            return [_reply(incoming, Reject(RejectReason.INVALID_ARGUMENT, invoke_id))]
        pending = _PendingWrite(
            incoming.peer, incoming.token, incoming.payload.association, invoke_id, [None] * len(references)
        )
        effects: list[Effect] = []
        settled: list[Reference] = []
        for at, (reference, data) in enumerate(zip(references, request.data, strict=True)):
            if reference is not None and Controls.is_operate(reference):
                pending.results[at], caused = self._operate(pending, reference, data, moment)
                effects += caused
                for effect in caused:
                    if isinstance(effect, Switch):
                        pending.waiting[effect.key] = at
                        self._writes[effect.key] = pending
                continue
            error = access.write(self.tree, reference, data)
            pending.results[at] = error
            if error is None and reference is not None:
                settled.append(reference)
        if settled:
            effects.append(Settled(tuple(settled)))
        return effects + self._answer_if_complete(pending)

    def _operate(
        self, pending: _PendingWrite, reference: Reference, data: Data, moment: Moment
    ) -> tuple[DataAccessError | None, list[Effect]]:
        if len(self._writes) >= MAX_PENDING_WRITES:
            return DataAccessError.TEMPORARILY_UNAVAILABLE, []
        outcome, effects = self.controls.operate(
            Client(pending.peer, pending.association), reference, data, moment
        )
        match outcome:
            case Refused(error):
                return error, effects
            case Executing() if not effects:
                return DataAccessError.TEMPORARILY_UNAVAILABLE, []
        return None, effects

    @staticmethod
    def _answer_if_complete(pending: _PendingWrite) -> list[Effect]:
        if pending.waiting:
            return []
        answer = ConfirmedResponse(pending.invoke_id, WriteResponse(tuple(pending.results)))
        return [Reply(pending.peer, pending.token, Payload(answer, pending.association))]


def _reply(incoming: Incoming, pdu: Pdu) -> Reply:
    return Reply(incoming.peer, incoming.token, Payload(pdu, incoming.payload.association))
