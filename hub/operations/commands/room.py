"""The room in which ad-hoc commands are given (XEP-0050): a stanza in, an answer or some work out.

I/O-free: the time is passed in, and what is to be asked or done is given back as ``Work``, whose result
``went`` takes. Every stanza is judged by who sent it anew, so a role that was taken away ends sessions too.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from hub.operations.commands.command import Command, Done, NotThere, Wrong
from hub.operations.commands.forms import BadForm, Form, Values, form_xml, submitted, table_xml
from hub.operations.commands.wire import (
    COMMANDS_NS,
    Action,
    Disco,
    Note,
    Specific,
    Status,
    actions_xml,
    command_xml,
    info_xml,
    items_xml,
    note_xml,
    read,
    refused,
    result,
)
from hub.operations.commands.wire import Command as Asked
from hub.registry.operators import Caller
from hub.stanzas import Condition, Stanza

SESSION_LASTS = 600.0
"""Seconds without a word after which a session is over: time to look something up, not to forget it open."""
MAX_SESSIONS = 1_000
"""Sessions of all together: some MB."""
MAX_SESSIONS_OF_ONE = 5
"""Sessions of one account: with one more its oldest is over, for a client that was cut leaves some."""


@dataclass(slots=True)
class Session:
    """One command being given by one client. ``busy``: something of it is being done now."""

    id: str
    peer: str
    command: Command
    touched: float
    stage: int = 0
    answers: list[Values] = field(default_factory=list)
    form: Form | None = None
    busy: bool = False

    @property
    def values(self) -> Values:
        """All that was filled in until now."""
        joined = Values()
        for one in self.answers:
            joined = joined.joined(one)
        return joined


@dataclass(frozen=True, slots=True)
class Work:
    """To be done for a session: make the form of ``stage``, or (None) do what the command is for."""

    incoming: Stanza
    session: Session
    caller: Caller
    stage: int | None
    values: Values


Came: TypeAlias = Form | Done | NotThere | Wrong | Condition | None
"""What came of work; a Condition: it failed for a reason that is not the caller's."""


class Room:
    """``new_id`` makes the ids of sessions, which nobody can guess."""

    def __init__(self, commands: Sequence[Command], new_id: Callable[[], str]) -> None:
        self._commands = {one.node: one for one in commands}
        self._new_id = new_id
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    # --- in -----------------------------------------------------------------------------------------

    def take(self, incoming: Stanza, caller: Caller, now: float) -> str | Work:
        """An iq get or set came. ``now``: seconds since 1970 UTC."""
        match read(incoming):
            case Disco() as asked:
                return self._discover(incoming, asked, caller)
            case Asked() as asked:
                return self._command(incoming, asked, caller, now)
        return refused(incoming, Condition.SERVICE_UNAVAILABLE)

    def tick(self, now: float) -> None:
        """Time went on: sessions that nobody goes on with are over."""
        for one in [one for one in self._sessions.values() if self._over(one, now)]:
            del self._sessions[one.id]

    # --- what is there --------------------------------------------------------------------------------

    def _discover(self, incoming: Stanza, asked: Disco, caller: Caller) -> str:
        listed = [(one.node, one.name) for one in self._commands.values() if one.allowed(caller)]
        command = self._commands.get(asked.node)
        if command is not None and command.allowed(caller):
            if asked.items:
                return result(incoming, items_xml(incoming.to, asked.node, ()))
            return result(incoming, info_xml(asked.node, "automation", "command-node", command.name))
        if asked.node not in ("", COMMANDS_NS):
            return refused(incoming, Condition.ITEM_NOT_FOUND)
        if asked.items:
            return result(incoming, items_xml(incoming.to, asked.node, listed if asked.node else ()))
        kind = ("automation", "command-list") if asked.node else ("component", "generic")
        return result(incoming, info_xml(asked.node, *kind, "Heat pump hub"))

    # --- commands -------------------------------------------------------------------------------------

    def _command(self, incoming: Stanza, asked: Asked, caller: Caller, now: float) -> str | Work:
        command = self._commands.get(asked.node)
        if command is None or not command.allowed(caller):
            return refused(incoming, Condition.ITEM_NOT_FOUND)
        if asked.action is None:
            return refused(incoming, Condition.BAD_REQUEST, Specific.MALFORMED_ACTION)
        if not asked.session:
            if asked.action is not Action.EXECUTE:
                return refused(incoming, Condition.BAD_REQUEST, Specific.BAD_SESSION)
            return self._begin(incoming, command, caller, now)
        session = self._sessions.get(asked.session)
        if session is None or session.peer != incoming.sender or session.command is not command:
            return refused(incoming, Condition.BAD_REQUEST, Specific.BAD_SESSION)
        if self._over(session, now):
            del self._sessions[session.id]
            return refused(incoming, Condition.NOT_ALLOWED, Specific.EXPIRED)
        if session.busy:
            return refused(incoming, Condition.UNEXPECTED_REQUEST)
        session.touched = now
        return self._go_on(incoming, asked, asked.action, session, caller)

    def _begin(self, incoming: Stanza, command: Command, caller: Caller, now: float) -> str | Work:
        self.tick(now)
        bare = incoming.sender.partition("/")[0]
        his = [one for one in self._sessions.values() if one.peer.partition("/")[0] == bare]
        idle = [one for one in his if not one.busy]
        if len(his) >= MAX_SESSIONS_OF_ONE and idle:
            del self._sessions[idle[0].id]
        elif len(his) >= MAX_SESSIONS_OF_ONE or len(self._sessions) >= MAX_SESSIONS:
            return refused(incoming, Condition.RESOURCE_CONSTRAINT)
        session = Session(self._new_id(), incoming.sender, command, now)
        self._sessions[session.id] = session
        return self._work(incoming, session, caller, 0)

    def _go_on(
        self, incoming: Stanza, asked: Asked, action: Action, session: Session, caller: Caller
    ) -> str | Work:
        if action is Action.CANCEL:
            del self._sessions[session.id]
            return result(incoming, command_xml(asked.node, session.id, Status.CANCELED, ""))
        if action is Action.PREV:
            if session.stage == 0:
                return refused(incoming, Condition.BAD_REQUEST, Specific.BAD_ACTION)
            del session.answers[session.stage - 1 :]
            return self._work(incoming, session, caller, session.stage - 1)
        assert session.form is not None, "a session that is idle has asked something"
        try:
            values = submitted(asked.form, session.form)
        except BadForm as bad:
            if asked.form is None:
                return refused(incoming, Condition.BAD_REQUEST, Specific.BAD_PAYLOAD)
            return self._again(incoming, session, str(bad))
        session.answers[session.stage :] = [values]
        if action is Action.COMPLETE:
            return self._work(incoming, session, caller, None)
        return self._work(incoming, session, caller, session.stage + 1)

    def _work(self, incoming: Stanza, session: Session, caller: Caller, stage: int | None) -> Work:
        """Make the form of a stage, or do it if there is none left."""
        session.busy = True
        if stage is not None and stage >= len(session.command.stages):
            stage = None
        return Work(incoming, session, caller, stage, session.values)

    # --- out ----------------------------------------------------------------------------------------

    def went(self, work: Work, came: Came, now: float) -> str | Work:
        """What came of work: the answer, or more work."""
        session, incoming = work.session, work.incoming
        session.busy, session.touched = False, now
        match came:
            case Form():
                assert work.stage is not None
                session.stage, session.form = work.stage, came
                return self._asking(incoming, session)
            case None:
                assert work.stage is not None
                session.answers[work.stage :] = [Values()]
                return self._work(incoming, session, work.caller, work.stage + 1)
            case Wrong() if session.form is not None:
                return self._again(incoming, session, str(came))
        self._sessions.pop(session.id, None)
        match came:
            case Done(note, table, kind):
                inner = note_xml(note, kind) + ("" if table is None else table_xml(table))
            case Wrong():
                inner = note_xml(str(came), Note.ERROR)
            case NotThere():
                return refused(incoming, Condition.ITEM_NOT_FOUND)
            case condition:
                return refused(incoming, condition)
        return result(incoming, command_xml(session.command.node, session.id, Status.COMPLETED, inner))

    def _again(self, incoming: Stanza, session: Session, reason: str) -> str:
        """The same form once more, and why."""
        del session.answers[session.stage :]
        return self._asking(incoming, session, note_xml(reason, Note.ERROR))

    @staticmethod
    def _asking(incoming: Stanza, session: Session, note: str = "") -> str:
        assert session.form is not None
        last = session.stage == len(session.command.stages) - 1
        allowed = [Action.COMPLETE] if last else [Action.NEXT, Action.COMPLETE]
        if session.stage:
            allowed.insert(0, Action.PREV)
        inner = actions_xml(allowed, Action.COMPLETE if last else Action.NEXT) + form_xml(session.form) + note
        return result(incoming, command_xml(session.command.node, session.id, Status.EXECUTING, inner))

    @staticmethod
    def _over(session: Session, now: float) -> bool:
        return not session.busy and now - session.touched > SESSION_LASTS
