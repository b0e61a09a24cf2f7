"""What a command that was heard before is answered, and how one is refused."""

from __future__ import annotations

from collections.abc import Hashable

from iec61850_model.mms.pdu import DataAccessError
from iec61850_model.server.control.command import Accepted, Answer, Client, Command, Refused
from iec61850_model.server.control.messages import access_error, last_appl_error, termination
from iec61850_model.server.control.state import ObjectState
from iec61850_model.values import AddCause

_BUSY = Answer(Refused(DataAccessError.TEMPORARILY_UNAVAILABLE, AddCause.COMMAND_ALREADY_IN_EXECUTION))


def repeated(client: Client, state: ObjectState, identity: Hashable) -> Answer | None:
    """The answer to an operate that was heard before; its termination goes to who asked last."""
    pending, execution = state.pending, state.execution
    if pending is not None and pending.identity == identity:
        pending.client = client
        return Answer(Accepted())
    if execution is not None and execution.identity == identity:
        if execution.awaited:
            return _BUSY
        execution.client = client
        late = termination(client, execution.command, AddCause.TIME_LIMIT_OVER)
        return Answer(Accepted(), after=(late,) if execution.overdue else ())
    known = state.remembered.get(identity)
    if known is None:
        return None
    if known.cause is not None:
        return refused(client, known.command, known.cause)
    done = (termination(client, known.command, timed=known.timed),) if known.told else ()
    return Answer(Accepted(), after=done)


def refused(client: Client, command: Command, cause: AddCause) -> Answer:
    """The failed write, and LastApplError before it (8-2, 20.8)."""
    return Answer(Refused(access_error(cause), cause), (last_appl_error(client, command, cause),))
