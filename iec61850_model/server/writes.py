"""Writes: of variables and of data sets, of settings and controls; some wait for the process.

SetDataValues, SetDataSetValues and Operate (7-2 clauses 12, 13, 20; 8-2 clauses 12, 14, 20).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from iec61850_model.mms.pdu import (
    OBJECT_NON_EXISTENT,
    ConfirmedError,
    ConfirmedResponse,
    Data,
    DataAccessError,
    Reject,
    RejectReason,
    VariableListName,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.reference import Reference
from iec61850_model.server import access
from iec61850_model.server.control import Answer, Client, Controls, Executing, Refused, service_of
from iec61850_model.server.data_sets import NO_DATA, DataSets
from iec61850_model.server.effects import Effect, Incoming, Moment, Settled, Switch
from iec61850_model.tree import Tree
from iec61850_model.values import AddCause, FunctionalConstraint

MAX_PENDING = 64
"""Writes that wait for the process at one time; more are refused as temporarily unavailable."""


@dataclass(slots=True)
class _Pending:
    """A write of which some variables wait for the process.

    ``waiting``: their keys; ``started``: keys of what goes on after the answer; ``after``: what is told then.
    """

    client: Client
    incoming: Incoming
    invoke_id: int
    results: list[DataAccessError | None]
    waiting: dict[int, int] = field(default_factory=dict)
    started: set[int] = field(default_factory=set)
    after: list[Effect] = field(default_factory=list)


BlockWrite: TypeAlias = Callable[[Client, Reference, Data, Moment], DataAccessError | None]
"""Sets an attribute of a control block: None when written, otherwise what the client is told."""


class Writes:
    """All writes of a server. I/O-free: time is passed in, switching is an effect.

    ``block_writes``: who sets control blocks, by their functional constraint. ``locked``: a setting that may
    not be written now.
    """

    def __init__(
        self,
        tree: Tree,
        controls: Controls,
        data_sets: DataSets,
        block_writes: Mapping[FunctionalConstraint, BlockWrite],
        locked: Callable[[Reference], bool] = lambda _: False,
    ) -> None:
        self._tree = tree
        self._controls = controls
        self._data_sets = data_sets
        self._block_writes = block_writes
        self._locked = locked
        self._pending: dict[int, _Pending] = {}

    def begin(
        self, incoming: Incoming, invoke_id: int, request: WriteRequest, moment: Moment
    ) -> list[Effect]:
        """Write what can be written at once; the answer comes when the process has taken the rest.

        One result for each variable or member; controls and control blocks are written by their own names
        only.
        """
        client = Client(incoming.peer, incoming.payload.association)
        references = self._data_sets.references(client, request.variables)
        if references is None:
            return [incoming.answered(ConfirmedError(invoke_id, OBJECT_NON_EXISTENT))]
        if len(references) != len(request.data):
            return [incoming.answered(Reject(RejectReason.INVALID_ARGUMENT, invoke_id))]
        pending = _Pending(client, incoming, invoke_id, [None] * len(references))
        by_list = isinstance(request.variables, VariableListName)
        effects: list[Effect] = []
        settled: list[Reference] = []
        for at, (reference, data) in enumerate(zip(references, request.data, strict=True)):
            if reference is None:
                pending.results[at] = DataAccessError.OBJECT_NON_EXISTENT
            elif by_list and reference.fc in NO_DATA:
                pending.results[at] = DataAccessError.OBJECT_ACCESS_DENIED
            elif (service := service_of(reference)) is not None:
                if len(self._pending) >= MAX_PENDING:
                    pending.results[at] = DataAccessError.TEMPORARILY_UNAVAILABLE
                    continue
                answer = self._controls.request(service, client, reference, data, moment)
                effects += self._answered(pending, at, answer)
            elif reference.fc is not None and reference.fc in self._block_writes:
                pending.results[at] = self._block_writes[reference.fc](client, reference, data, moment)
            elif self._locked(reference):
                pending.results[at] = DataAccessError.TEMPORARILY_UNAVAILABLE
            else:
                pending.results[at] = access.write(self._tree, reference, data)
                if pending.results[at] is None:
                    settled.append(reference)
        if settled:
            effects.append(Settled(tuple(settled)))
        return effects + self._answer_if_complete(pending)

    def switched(self, key: int, cause: AddCause | None, moment: Moment) -> list[Effect]:
        """The process has taken (cause None) or refused what a Switch asked; raises KeyError."""
        answer = self._controls.switched(key, cause, moment)
        pending = self._pending.pop(key, None)
        if pending is None:
            return list(answer.after)
        if key in pending.started:
            # Its termination must not overtake the answer to the write (8-2, 20.6).
            pending.after += answer.after
            return []
        at = pending.waiting.pop(key)
        pending.results[at] = answer.outcome.error if isinstance(answer.outcome, Refused) else None
        return [*answer.ahead, *self._answer_if_complete(pending)]

    def waits(self, client: Client) -> bool:
        """A write of this association still waits for the process."""
        return any(one.client == client for one in self._pending.values())

    def _answered(self, pending: _Pending, at: int, answer: Answer) -> list[Effect]:
        """Note how a control was answered; what is to be done before the answer to the whole write."""
        if isinstance(answer.outcome, Refused):
            pending.results[at] = answer.outcome.error
        for effect in answer.after:
            if not isinstance(effect, Switch):
                continue
            if isinstance(answer.outcome, Executing):
                pending.waiting[effect.key] = at
                self._pending[effect.key] = pending
            else:
                pending.started.add(effect.key)
        pending.after += answer.after
        return list(answer.ahead)

    def _answer_if_complete(self, pending: _Pending) -> list[Effect]:
        """The answer and what follows it; until then what the process is asked to do, and nothing else."""
        switches = [effect for effect in pending.after if isinstance(effect, Switch)]
        if pending.waiting:
            pending.after = [effect for effect in pending.after if not isinstance(effect, Switch)]
            self._pending |= dict.fromkeys(pending.started, pending)
            return list(switches)
        for key in pending.started:
            self._pending.pop(key, None)
        answer = ConfirmedResponse(pending.invoke_id, WriteResponse(tuple(pending.results)))
        return [pending.incoming.answered(answer), *pending.after]
