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
from iec61850_model.server.control import Client, Controls, Executing, Refused
from iec61850_model.server.data_sets import NO_DATA, DataSets
from iec61850_model.server.effects import Effect, Incoming, Moment, Settled, Switch
from iec61850_model.tree import Tree
from iec61850_model.values import AddCause, FunctionalConstraint

MAX_PENDING = 64
"""Writes that wait for the process at one time; more are refused as temporarily unavailable."""


@dataclass(slots=True)
class _Pending:
    """A write of which some variables wait for the process."""

    client: Client
    incoming: Incoming
    invoke_id: int
    results: list[DataAccessError | None]
    waiting: dict[int, int] = field(default_factory=dict)


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
            elif Controls.is_operate(reference):
                effects += self._operate(pending, at, reference, data, moment)
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
        pending = self._pending.pop(key, None)
        effects: list[Effect] = []
        if pending is not None and cause is not None:
            effects.append(self._controls.last_appl_error(key, pending.client, cause))
        outcome = self._controls.switched(key, cause, moment)
        if pending is None:
            return effects
        at = pending.waiting.pop(key)
        pending.results[at] = outcome.error if isinstance(outcome, Refused) else None
        return effects + self._answer_if_complete(pending)

    def waits(self, client: Client) -> bool:
        """A write of this association still waits for the process."""
        return any(one.client == client for one in self._pending.values())

    def _operate(
        self, pending: _Pending, at: int, reference: Reference, data: Data, moment: Moment
    ) -> list[Effect]:
        if len(self._pending) >= MAX_PENDING:
            pending.results[at] = DataAccessError.TEMPORARILY_UNAVAILABLE
            return []
        outcome, effects = self._controls.operate(pending.client, reference, data, moment)
        match outcome:
            case Refused(error):
                pending.results[at] = error
            case Executing() if not effects:
                pending.results[at] = DataAccessError.TEMPORARILY_UNAVAILABLE
        for effect in effects:
            if isinstance(effect, Switch):
                pending.waiting[effect.key] = at
                self._pending[effect.key] = pending
        return effects

    @staticmethod
    def _answer_if_complete(pending: _Pending) -> list[Effect]:
        if pending.waiting:
            return []
        answer = ConfirmedResponse(pending.invoke_id, WriteResponse(tuple(pending.results)))
        return [pending.incoming.answered(answer)]
