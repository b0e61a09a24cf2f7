"""How commands end: CommandTermination and TimeActivatedOperateTermination (8-2, 20.6 and 20.7)."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from iec61850_model.client.control import LAST_APPL_ERROR, OPER, cause_of
from iec61850_model.control_parts import control_parts
from iec61850_model.mms.pdu import AccessResult, Data, InformationReport, Payload, Unconfirmed, VariableList
from iec61850_model.values import AddCause


@dataclass(frozen=True, slots=True)
class Termination:
    """How a command ended: ``add_cause`` None is well. ``timed``: TimeActivatedOperateTermination."""

    add_cause: AddCause | None
    timed: bool


class Terminations:
    """Tells of terminations those that wait for them; what nobody waits for is dropped."""

    def __init__(self) -> None:
        self._listeners: dict[Hashable, Callable[[Termination], None]] = {}

    def listen(
        self, peer: str, control: str, ctl_num: int, listener: Callable[[Termination], None]
    ) -> Callable[[], None]:
        """Tell ``listener`` of terminations of a command on ``LD/LN$CO$DO``; call the result to stop."""
        key = (peer, control, ctl_num)
        self._listeners[key] = listener

        def stop() -> None:
            if self._listeners.get(key) is listener:
                del self._listeners[key]

        return stop

    def receive(self, peer: str, payload: Payload) -> bool:
        """Take a termination; False if the message is something else."""
        match payload.pdu:
            case Unconfirmed(InformationReport(VariableList((*before, name)), results)):
                if before not in ([], [LAST_APPL_ERROR]) or name.domain is None:
                    return False
                if not name.item.endswith(OPER) or len(results) != len(before) + 1:
                    return False
                cause = (cause_of(results[0]) or AddCause.UNKNOWN) if before else None
                self._tell(peer, f"{name.domain}/{name.item.removesuffix(OPER)}", results[-1], cause)
                return True
        return False

    def _tell(self, peer: str, control: str, oper: AccessResult, cause: AddCause | None) -> None:
        said = control_parts(oper) if isinstance(oper, Data) else None
        listener = None if said is None else self._listeners.get((peer, control, said.number))
        if said is not None and listener is not None:
            listener(Termination(cause, timed=not said.at.is_zero))
