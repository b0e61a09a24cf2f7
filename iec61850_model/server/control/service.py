"""The four control models as one state machine: Select, SelectWithValue, Cancel, Operate and
TimeActivatedOperate with their terminations (7-2 clause 20, 8-2 clause 20)."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager

from iec61850_model.mms.pdu import AccessResult, Data, DataAccessError, ReadResponse
from iec61850_model.reference import Reference
from iec61850_model.server.control.cancelling import cancel_refusal
from iec61850_model.server.control.command import (
    SELECT,
    Accepted,
    Answer,
    Client,
    Command,
    Executing,
    Refused,
    Service,
    read_command,
)
from iec61850_model.server.control.limits import MAX_AGE, MAX_REMEMBERED
from iec61850_model.server.control.messages import access_error, last_appl_error, termination
from iec61850_model.server.control.repeating import refused, repeated
from iec61850_model.server.control.rules import Rules
from iec61850_model.server.control.selecting import Selecting
from iec61850_model.server.control.state import Execution, ObjectState, Pending, Remembered
from iec61850_model.server.control.status import Status
from iec61850_model.server.effects import Effect, Moment, Send, Switch
from iec61850_model.tree import Branch, Leaf, Tree
from iec61850_model.types import ValueRefused
from iec61850_model.values import AddCause, ControlModel, FunctionalConstraint

FC = FunctionalConstraint
_ENHANCED = frozenset({ControlModel.DIRECT_ENHANCED, ControlModel.SBO_ENHANCED})


class Controls:
    """All controllable data objects of a server. I/O-free: time is passed in, switching is an effect.

    One command is carried out at a time per object, one time-activated may wait beside it, and one client
    may have it selected. A command belongs to the bare JID it came from, a selection to one association.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._rules = Rules(tree)
        self._status = Status(tree)
        self._selecting = Selecting(self._rules, self._status)
        self._objects: dict[Reference, ObjectState] = {}
        self._executing: dict[int, ObjectState] = {}
        self._next_key = 0

    # --- what clients ask ---------------------------------------------------------------------------

    def select(self, client: Client, reference: Reference, moment: Moment) -> ReadResponse:
        """Select: the object's own reference, or an empty text where it cannot be selected now."""
        control = reference.with_fc(FC.CO)
        if not isinstance(self._tree.find(control.child(SELECT)), Leaf):
            found = isinstance(self._tree.find(control), Branch)
            failure: AccessResult = (
                DataAccessError.OBJECT_ACCESS_UNSUPPORTED if found else DataAccessError.OBJECT_NON_EXISTENT
            )
            return ReadResponse((failure,))
        state = self._objects.setdefault(reference, ObjectState())
        if self._selecting.may_select(client, reference, state, moment):
            self._selecting.begin(reference, state, client, moment)
            own = f"{control.ld}/{control.child(SELECT).item_id}"
        else:
            own = ""
        return ReadResponse((Data("visible-string", own),))

    def request(
        self, service: Service, client: Client, reference: Reference, data: Data, moment: Moment
    ) -> Answer:
        """SelectWithValue, Operate, TimeActivatedOperate or Cancel: a write of ``data`` to ``reference``.

        A refusal comes with LastApplError where the object exists (8-2, 20.8).
        """
        target = Reference(reference.ld, reference.ln, reference.path[:-1])
        branch = self._tree.find(reference)
        if not isinstance(branch, Branch):
            return Answer(Refused(DataAccessError.OBJECT_NON_EXISTENT, AddCause.NOT_SUPPORTED))
        try:
            command = read_command(target, branch, data)
        except ValueRefused as refused:
            return Answer(Refused(refused.error, AddCause.INCONSISTENT_PARAMETERS))
        state = self._objects.setdefault(target, ObjectState())
        state.forget(moment.now)
        match service:
            case Service.OPERATE:
                return self._operate(client, command, state, moment)
            case Service.SELECT_WITH_VALUE:
                return self._selecting.with_value(client, command, state, moment)
            case Service.CANCEL:
                return self._cancel(client, command, state, moment)

    def shown_to(self, client: Client) -> AbstractContextManager[None]:
        """Within this the tree shows a client the orIdent of his own commands."""
        return self._status.shown_to(client.bare)

    # --- what happens by itself ---------------------------------------------------------------------

    def switched(self, key: int, cause: AddCause | None, moment: Moment) -> Answer:
        """The process has taken the value (cause None) or not; the status follows the process.

        Raises KeyError for a key that is not being executed.
        """
        state = self._executing.pop(key)
        execution = state.execution
        assert execution is not None
        state.execution = None
        command, told = execution.command, not execution.awaited
        if cause is None:
            quality = self._rules.quality(command.reference)
            self._status.show(command, execution.client.bare, quality, moment)
            state.remembered[execution.identity] = Remembered(
                moment.now, command, told=told, timed=execution.timed
            )
        outcome = Accepted() if cause is None else Refused(access_error(cause), cause)
        if execution.awaited:
            ahead = () if cause is None else (last_appl_error(execution.client, command, cause),)
            return Answer(outcome, ahead)
        if execution.overdue:
            return Answer(outcome)
        return Answer(outcome, after=(termination(execution.client, command, cause, timed=execution.timed),))

    def tick(self, moment: Moment) -> list[Effect]:
        """Do what is due: end selections and operTimeouts, start what waited for its time."""
        effects: list[Effect] = []
        for reference, state in self._objects.items():
            if state.selection is not None and moment.now >= state.selection.until:
                self._selecting.end(reference, state)
            effects += self._overdue(state, moment)
            effects += self._due(state, moment)
        return effects

    def next_tick(self) -> float | None:
        """When ``tick`` has something to do, seconds since 1970 UTC."""
        times: list[float] = []
        for state in self._objects.values():
            if state.selection is not None:
                times.append(state.selection.until)
            if state.execution is not None and not state.execution.overdue:
                times += [] if state.execution.deadline is None else [state.execution.deadline]
            if state.pending is not None:
                at = state.pending.command.at.unix
                times.append(at if _is_free_for(state, state.pending) else at + MAX_AGE)
        return min(times, default=None)

    def ended(self, associations: Iterable[Client]) -> None:
        """These associations have ended: what was selected in them is not any more (7-2 clause 8).

        What waits for its time, or runs, goes on; its termination goes to the full JID it came from.
        """
        gone = set(associations)
        for reference, state in self._objects.items():
            if state.selection is not None and state.selection.client in gone:
                self._selecting.end(reference, state)
            for one in (state.pending, state.execution):
                if one is not None and one.client in gone:
                    one.client = Client(one.client.peer, None)

    def withdraw(self, bare: str, moment: Moment) -> list[Effect]:
        """A provider may command no more: its selections and what waits for its time are gone.

        What the process is doing already is brought to its end.
        """
        effects: list[Effect] = []
        for reference, state in self._objects.items():
            if state.selection is not None and state.selection.client.bare == bare:
                self._selecting.end(reference, state)
            if state.pending is not None and state.pending.client.bare == bare:
                effects.append(self._drop_pending(state, AddCause.NO_ACCESS_AUTHORITY, moment))
        return effects

    # --- operating ----------------------------------------------------------------------------------

    def _operate(self, client: Client, command: Command, state: ObjectState, moment: Moment) -> Answer:
        identity = command.identity(client.peer)
        before = repeated(client, state, identity)
        if before is not None:
            return before
        cause = self._operate_refusal(client, command, state, moment)
        if cause is not None:
            if state.selected(moment.now) is not None and not self._rules.operates_many(command.reference):
                self._selecting.use(client, command, state, moment)
            return refused(client, command, cause)
        self._selecting.use(client, command, state, moment)
        pending = Pending(command, client, identity)
        if command.at.is_zero:
            return self._start(pending, state, moment)
        state.pending = pending
        return Answer(Accepted())

    def _operate_refusal(
        self, client: Client, command: Command, state: ObjectState, moment: Moment
    ) -> AddCause | None:
        if self._rules.model(command.reference) is ControlModel.STATUS_ONLY:
            return AddCause.NOT_SUPPORTED
        cause = self._selecting.missing(client, command, state, moment)
        if cause is None:
            cause = self._rules.command_refusal(command, moment)
        if cause is not None:
            return cause
        busy = state.execution is not None if command.at.is_zero else state.pending is not None
        if busy or len(state.remembered) >= MAX_REMEMBERED:
            return AddCause.COMMAND_ALREADY_IN_EXECUTION
        return None

    def _start(self, asked: Pending, state: ObjectState, moment: Moment) -> Answer:
        """Have the process carry it out; in mode test/blocked only say so."""
        command, client = asked.command, asked.client
        timed = not command.at.is_zero
        enhanced = self._rules.model(command.reference) in _ENHANCED
        told = timed or enhanced
        begun = (termination(client, command, timed=True),) if timed and enhanced else ()
        if self._rules.without_output(command.reference):
            state.remembered[asked.identity] = Remembered(
                moment.now, command, told=told, timed=timed and not enhanced
            )
            done = (termination(client, command, timed=timed and not enhanced),) if told else ()
            return Answer(Accepted(), after=(*begun, *done))
        self._next_key += 1
        key = self._next_key
        state.execution = Execution(
            key=key,
            command=command,
            client=client,
            identity=asked.identity,
            awaited=not told,
            timed=timed and not enhanced,
            deadline=moment.now + self._rules.oper_timeout(command.reference) if enhanced else None,
        )
        self._executing[key] = state
        switch = Switch(key, command.reference, command.value, command.or_cat, command.or_ident)
        return Answer(Accepted() if told else Executing(key), after=(*begun, switch))

    # --- cancelling ---------------------------------------------------------------------------------

    def _cancel(self, client: Client, command: Command, state: ObjectState, moment: Moment) -> Answer:
        identity = ("Cancel", command.identity(client.peer))
        if identity in state.remembered:
            return Answer(Accepted())
        cause = cancel_refusal(client, command, self._rules.model(command.reference), state, moment)
        if cause is not None:
            return refused(client, command, cause)
        after: tuple[Effect, ...] = ()
        if state.selection is not None and state.selection.client.bare == client.bare:
            self._selecting.end(command.reference, state)
        if state.pending is not None and state.pending.client.bare == client.bare:
            after = (self._drop_pending(state, AddCause.ABORTION_BY_CANCEL, moment),)
        state.remembered[identity] = Remembered(moment.now, command)
        return Answer(Accepted(), after=after)

    def _drop_pending(self, state: ObjectState, cause: AddCause, moment: Moment) -> Send:
        """What waited is over; a repeat of it that comes late does not begin it anew."""
        pending = state.pending
        assert pending is not None
        state.pending = None
        state.remembered[pending.identity] = Remembered(moment.now, pending.command, cause)
        return termination(pending.client, pending.command, cause, timed=True)

    # --- in time ------------------------------------------------------------------------------------

    def _overdue(self, state: ObjectState, moment: Moment) -> list[Effect]:
        execution = state.execution
        if execution is None or execution.deadline is None or execution.overdue:
            return []
        if moment.now < execution.deadline:
            return []
        execution.overdue = True
        return [termination(execution.client, execution.command, AddCause.TIME_LIMIT_OVER)]

    def _due(self, state: ObjectState, moment: Moment) -> list[Effect]:
        """Start what has come to its time; what is more than MAX_AGE late is dropped, for nobody expects it
        any more (a stalled box, a clock set forward)."""
        pending = state.pending
        if pending is None or pending.command.at.unix > moment.now:
            return []
        if moment.now - pending.command.at.unix > MAX_AGE:
            return [self._drop_pending(state, AddCause.TIME_LIMIT_OVER, moment)]
        if not _is_free_for(state, pending):
            return []
        command = pending.command
        cause = self._rules.blocked(command.reference, command.or_cat, command.test)
        if cause is not None:
            return [self._drop_pending(state, cause, moment)]
        state.pending = None
        return list(self._start(pending, state, moment).after)


def _is_free_for(state: ObjectState, pending: Pending) -> bool:
    """Nothing runs, and nobody else has the object selected."""
    selection = state.selection
    return state.execution is None and (selection is None or selection.client.bare == pending.client.bare)
