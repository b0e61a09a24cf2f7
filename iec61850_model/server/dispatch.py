"""The server: every PDU gets a defined answer, whatever it is (8-2, 10.2.2.1)."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import UTC, tzinfo
from typing import TypeAlias

from iec61850_model.blocks import Blocks
from iec61850_model.mms import xer
from iec61850_model.mms.pdu import (
    DEFAULT_PDU_SIZE,
    FURTHER_COMMUNICATION_REQUIRED,
    INVALID_SERVICE,
    INVOKE_ID_UNKNOWN,
    OBJECT_NON_EXISTENT,
    PDU_SIZE,
    CancelError,
    CancelRequest,
    ConcludeError,
    ConcludeRequest,
    ConcludeResponse,
    ConfirmedError,
    ConfirmedRequest,
    ConfirmedResponse,
    DefineNamedVariableListRequest,
    DeleteNamedVariableListRequest,
    GetNamedVariableListAttributesRequest,
    GetNameListRequest,
    GetVariableAccessAttributesRequest,
    InitiateRequest,
    MmsError,
    Payload,
    ReadJournalRequest,
    ReadRequest,
    ReadResponse,
    Reject,
    RejectReason,
    ResponseService,
    UnknownService,
    WriteRequest,
)
from iec61850_model.server import access
from iec61850_model.server.associations import Association, Associations
from iec61850_model.server.buffer import EntryBuffer
from iec61850_model.server.control import Client, Controls, selected_by
from iec61850_model.server.data_sets import DataSets
from iec61850_model.server.effects import Effect, Incoming, Moment, Reply, Send, Settled, Switch
from iec61850_model.server.logs import Logs
from iec61850_model.server.memory_buffer import MemoryBuffer
from iec61850_model.server.name_lists import NameLists
from iec61850_model.server.reports import Reports
from iec61850_model.server.schedules import Keeper, Schedules
from iec61850_model.server.writes import Writes
from iec61850_model.tree import Tree
from iec61850_model.values import AddCause, FunctionalConstraint

NO_BLOCKS = Blocks()


def in_memory(block: str) -> EntryBuffer:
    """A buffer of the usual size for a control block or log, gone with the server."""
    return MemoryBuffer()


_Answered: TypeAlias = (
    ReadRequest
    | GetNameListRequest
    | GetVariableAccessAttributesRequest
    | GetNamedVariableListAttributesRequest
    | DefineNamedVariableListRequest
    | DeleteNamedVariableListRequest
    | ReadJournalRequest
)
"""Services that are answered at once; a write may wait for the process."""


class Server:
    """An IEC 61850 server over a tree. I/O-free: PDUs and time in, effects out.

    ``blocks``: its configured data sets and control blocks. ``buffers`` gives the buffer of the control block
    or log of a reference (``AVG/LLN0$BR$brcbAvg01``). ``keeper``: what makes enabled schedules outlive a
    restart; ``zone``: that of their calendar.
    """

    def __init__(
        self,
        tree: Tree,
        blocks: Blocks = NO_BLOCKS,
        buffers: Callable[[str], EntryBuffer] = in_memory,
        keeper: Keeper | None = None,
        zone: tzinfo = UTC,
    ) -> None:
        self.tree = tree
        self.associations = Associations()
        self.data_sets = DataSets(tree, blocks.data_sets)
        self.controls = Controls(tree)
        self.schedules = Schedules(tree, keeper, zone)
        self.reports = Reports(tree, self.data_sets, blocks.reports, buffers, self.associations.pdu_size)
        self.logs = Logs(tree, self.data_sets, blocks.logs, buffers)
        self._names = NameLists(tree, self.data_sets, self.logs)
        self._writes = Writes(
            tree,
            self.controls,
            self.data_sets,
            {
                FunctionalConstraint.BR: self.reports.write,
                FunctionalConstraint.RP: self.reports.write,
                FunctionalConstraint.LG: self.logs.write,
            },
            self.schedules.locked,
        )

    def handle(self, incoming: Incoming, moment: Moment) -> list[Effect]:
        """Answer a request."""
        payload = incoming.payload
        size = DEFAULT_PDU_SIZE
        if payload.association is not None and not isinstance(payload.pdu, InitiateRequest):
            association = self.associations.use(incoming.peer, payload.association, moment.now)
            if association is None:
                return [incoming.answered(Reject(RejectReason.ILLEGAL_ACSE_MAPPING))]
            size = association.pdu_size
        match payload.pdu:
            case InitiateRequest() as request:
                opened = self.associations.open(incoming.peer, payload.association, request, moment.now)
                return [Reply(incoming.peer, incoming.token, opened)]
            case ConcludeRequest():
                return [incoming.answered(self._conclude(incoming, moment))]
            case CancelRequest(invoke_id):
                return [incoming.answered(CancelError(invoke_id, INVOKE_ID_UNKNOWN))]
            case ConfirmedRequest(invoke_id) if incoming.octets > size:
                return [incoming.answered(ConfirmedError(invoke_id, PDU_SIZE))]
            case ConfirmedRequest(invoke_id, WriteRequest() as request):
                return self._scheduled(self._writes.begin(incoming, invoke_id, request, moment), moment)
            case ConfirmedRequest(invoke_id, ReadRequest() as request) if target := selected_by(request):
                selected = self.controls.select(_client(incoming), target, moment)
                return [incoming.answered(ConfirmedResponse(invoke_id, selected))]
            case ConfirmedRequest() as request:
                return [self._serve(incoming, request, size)]
        return [incoming.answered(Reject(RejectReason.INVALID_PDU))]

    @staticmethod
    def malformed(peer: str, token: Hashable, error: xer.MalformedPdu) -> list[Effect]:
        """Answer a request that could not be decoded: rejectPDU with the reason."""
        return [Reply(peer, token, Payload(Reject(error.reason, error.invoke_id)))]

    def switched(self, key: int, cause: AddCause | None, moment: Moment) -> list[Effect]:
        """The process has taken (cause None) or refused what a Switch asked.

        Raises KeyError for a ``key`` that no Switch had, or that was reported before.
        """
        return self._writes.switched(key, cause, moment)

    def tick(self, moment: Moment) -> list[Effect]:
        """Carry out what is due: the end of leases, selections and controls, reports and logs."""
        self._ended(self.associations.expire(moment.now), moment)
        controlled = self._scheduled(self.controls.tick(moment), moment)
        driven = self.schedules.tick(moment)
        reports = self.reports.tick(moment)
        for one in reports:
            if isinstance(one, Send):
                self.associations.renew(Client(one.peer, one.payload.association), moment.now)
        return [*controlled, *driven, *reports, *self.logs.tick(moment)]

    def next_tick(self) -> float | None:
        """When ``tick`` has something to do, seconds since 1970 UTC; None: nothing is waiting."""
        times = [
            self.controls.next_tick(),
            self.schedules.next_tick(),
            self.associations.next_expiry(),
            self.reports.next_tick(),
            self.logs.next_tick(),
        ]
        return min((time for time in times if time is not None), default=None)

    def peer_gone(self, peer: str, moment: Moment) -> None:
        """A client is gone (presence unavailable, stanza error): Abort of its associations."""
        self._ended(self.associations.abort_peer(peer), moment)

    def withdraw(self, peer: str, moment: Moment) -> list[Effect]:
        """A client (bare JID) may command no more: its selections and pending commands are gone."""
        return self.controls.withdraw(peer, moment)

    def link_lost(self, moment: Moment) -> None:
        """The server's own link is lost, and with it every client."""
        self._ended(self.associations.abort_all(), moment)

    def _scheduled(self, effects: list[Effect], moment: Moment) -> list[Effect]:
        """Requests to schedules are carried out here and not by the process, after what was written with
        them."""
        done: list[Effect] = []
        requests: list[Switch] = []
        for effect in effects:
            if isinstance(effect, Switch) and self.schedules.takes(effect.reference):
                requests.append(effect)
            else:
                done.append(effect)
                if isinstance(effect, Settled):
                    done += self.schedules.settled(effect.references, moment)
        for request in requests:
            cause, driven = self.schedules.request(request, moment)
            done += driven + self._writes.switched(request.key, cause, moment)
        return done

    def _conclude(self, incoming: Incoming, moment: Moment) -> ConcludeResponse | ConcludeError:
        """Release, unless a request of the association still waits for the process (8-2, 10.2)."""
        client = _client(incoming)
        if self._writes.waits(client):
            return ConcludeError(FURTHER_COMMUNICATION_REQUIRED)
        if client.association is not None:
            self._ended(self.associations.close(client.peer, client.association), moment)
        return ConcludeResponse()

    def _ended(self, associations: list[Association], moment: Moment) -> None:
        """Whatever way an association ends, what was its own is gone with it (7-2 clause 8)."""
        self.reports.ended(associations, moment)
        self.data_sets.ended(associations)
        self.controls.ended(Client(one.peer, one.id) for one in associations)

    def _serve(self, incoming: Incoming, request: ConfirmedRequest, size: int) -> Reply:
        if isinstance(request.service, UnknownService | WriteRequest):
            return incoming.answered(Reject(RejectReason.UNRECOGNIZED_SERVICE, request.invoke_id))
        result = self._result(_client(incoming), request.service, size)
        if isinstance(result, MmsError):
            return incoming.answered(ConfirmedError(request.invoke_id, result))
        answer = ConfirmedResponse(request.invoke_id, result)
        if len(xer.encode(answer).encode()) > size:
            return incoming.answered(ConfirmedError(request.invoke_id, PDU_SIZE))
        return incoming.answered(answer)

    def _result(self, client: Client, service: _Answered, size: int) -> ResponseService | MmsError:
        match service:
            case ReadRequest():
                return self._read(client, service)
            case GetNameListRequest():
                return self._names.get(client, service, size)
            case GetVariableAccessAttributesRequest(name):
                return access.get_attributes(self.tree, name)
            case GetNamedVariableListAttributesRequest(name):
                return self.data_sets.attributes(client, name)
            case DefineNamedVariableListRequest():
                return self.data_sets.define(client, service)
            case DeleteNamedVariableListRequest():
                return self.data_sets.delete(client, service)
            case ReadJournalRequest():
                return self.logs.query(service, size)

    def _read(self, client: Client, request: ReadRequest) -> ReadResponse | MmsError:
        """GetDataValues, GetAllDataValues and, of a named list, GetDataSetValues."""
        references = self.data_sets.references(client, request.variables)
        if references is None:
            return OBJECT_NON_EXISTENT
        if request.specification_with_result:
            return INVALID_SERVICE
        self.reports.reading(client)
        with self.controls.shown_to(client):
            return access.read(self.tree, references)


def _client(incoming: Incoming) -> Client:
    return Client(incoming.peer, incoming.payload.association)
