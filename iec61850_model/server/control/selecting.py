"""Who has an object selected, for how long, and what he lacks who operates it (7-2 clause 20)."""

from __future__ import annotations

from dataclasses import dataclass

from iec61850_model.reference import Reference
from iec61850_model.server.control.command import Accepted, Answer, Client, Command
from iec61850_model.server.control.repeating import refused
from iec61850_model.server.control.rules import Rules
from iec61850_model.server.control.state import ObjectState, Selection
from iec61850_model.server.control.status import Status
from iec61850_model.server.effects import Moment
from iec61850_model.values import AddCause, ControlModel

_SELECTS = frozenset({ControlModel.SBO_NORMAL, ControlModel.SBO_ENHANCED})


@dataclass(frozen=True, slots=True)
class Selecting:
    """Selections: what is kept of one is in the object's state, what is seen of it in its status."""

    rules: Rules
    status: Status

    def may_select(self, client: Client, reference: Reference, state: ObjectState, moment: Moment) -> bool:
        """For Select, which names no originator: whoever asks through a hub is remote."""
        return (
            self.rules.model(reference) is ControlModel.SBO_NORMAL
            and self.rules.blocked(reference) is None
            and moment.synchronized
            and selection_refusal(client, state, moment) is None
        )

    def with_value(self, client: Client, command: Command, state: ObjectState, moment: Moment) -> Answer:
        """SelectWithValue."""
        if self.rules.model(command.reference) is not ControlModel.SBO_ENHANCED:
            return refused(client, command, AddCause.NOT_SUPPORTED)
        cause = self.rules.command_refusal(command, moment) or selection_refusal(client, state, moment)
        if cause is not None:
            return refused(client, command, cause)
        self.begin(command.reference, state, client, moment, command)
        return Answer(Accepted())

    def begin(
        self,
        reference: Reference,
        state: ObjectState,
        client: Client,
        moment: Moment,
        command: Command | None = None,
    ) -> None:
        """The object is a client's, for as long as its sboTimeout; ``command``: what was selected with it."""
        state.selection = Selection(client, moment.now + self.rules.sbo_timeout(reference), command)
        self.status.selected(reference, True)

    def end(self, reference: Reference, state: ObjectState) -> None:
        """It is nobody's any more."""
        state.selection = None
        self.status.selected(reference, False)

    def missing(
        self, client: Client, command: Command, state: ObjectState, moment: Moment
    ) -> AddCause | None:
        """What an operate lacks in a model that selects."""
        model = self.rules.model(command.reference)
        if model not in _SELECTS:
            return None
        selection = state.selected(moment.now)
        if selection is None:
            return AddCause.OBJECT_NOT_SELECTED
        if selection.client != client:
            return AddCause.LOCKED_BY_OTHER_CLIENT
        if model is ControlModel.SBO_NORMAL:
            return None
        if selection.command is None:
            return AddCause.OBJECT_NOT_SELECTED
        # Of the several operates of one selection each has its own ctlNum and T, or it would be a repeat.
        many = self.rules.operates_many(command.reference)
        same = command.asks_the_same if many else command.agrees_with
        return None if same(selection.command) else AddCause.INCONSISTENT_PARAMETERS

    def use(self, client: Client, command: Command, state: ObjectState, moment: Moment) -> None:
        """A selection serves one operate, also one that is refused; with operate-many it begins anew."""
        selection = state.selection
        if selection is None or selection.client != client:
            return
        if self.rules.operates_many(command.reference):
            selection.until = moment.now + self.rules.sbo_timeout(command.reference)
        else:
            self.end(command.reference, state)


def selection_refusal(client: Client, state: ObjectState, moment: Moment) -> AddCause | None:
    """Why a client may not select an object now; None: it may."""
    if client.association is None:
        # A selection ends with its association, so there has to be one.
        return AddCause.SELECT_FAILED
    if state.execution is not None:
        return AddCause.COMMAND_ALREADY_IN_EXECUTION
    selection = state.selected(moment.now)
    if selection is not None and selection.client != client:
        return AddCause.OBJECT_ALREADY_SELECTED
    return None
