"""Who may cancel what (7-2 clause 20)."""

from __future__ import annotations

from iec61850_model.server.control.command import Client, Command
from iec61850_model.server.control.rules import is_fresh
from iec61850_model.server.control.state import ObjectState
from iec61850_model.server.effects import Moment
from iec61850_model.values import AddCause, ControlModel


def cancel_refusal(
    client: Client, command: Command, model: ControlModel | None, state: ObjectState, moment: Moment
) -> AddCause | None:
    """Why a client may not end what it has selected or what waits for its time; None: it may."""
    if model is ControlModel.STATUS_ONLY:
        return AddCause.NOT_SUPPORTED
    pending, selection = state.pending, state.selected(moment.now)
    held = [one for one in (pending, selection) if one is not None]
    mine = [one for one in held if one.client.bare == client.bare]
    if not mine:
        if state.execution is not None and state.execution.client.bare == client.bare:
            return AddCause.COMMAND_ALREADY_IN_EXECUTION
        return AddCause.LOCKED_BY_OTHER_CLIENT if held else AddCause.OBJECT_NOT_SELECTED
    named = [one.command for one in mine if one.command is not None]
    if any(command.agrees_with(one) for one in named):
        return None
    # A cancel that was held up must not end what was commanded after it.
    if moment.synchronized and not is_fresh(command, moment.now):
        return AddCause.TIME_LIMIT_OVER
    # Who commanded days ahead may not know its ctlNum and T any more; he still may end it.
    only_selected = model is ControlModel.SBO_ENHANCED and pending not in mine
    return AddCause.INCONSISTENT_PARAMETERS if only_selected else None
