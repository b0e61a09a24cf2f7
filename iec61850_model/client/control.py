"""Commands as a client builds them, and what a device says about them by itself (7-2 and 8-2 clause 20)."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from iec61850_model.client.definition import part
from iec61850_model.client.errors import UnusableValue
from iec61850_model.client.plain import to_data
from iec61850_model.control_parts import control_parts
from iec61850_model.mms.pdu import (
    AccessResult,
    Data,
    InformationReport,
    Payload,
    Structure,
    TypeDescription,
    Unconfirmed,
    VariableList,
)
from iec61850_model.values import NOW, AddCause, OrCat, Timestamp

LAST_APPL_ERROR = "LastApplError"
MAX_CTL_NUM = 255
"""ctlNum is an INT8U."""
MAX_OR_IDENT = 64
"""Octets of orIdent."""
OPER = "$Oper"
_LAST_APPL_ERROR_PARTS = 5
_LACKS = {
    "Oper": "this object has no Oper with a ctlVal: it cannot be operated",
    "SBOw": "this object has no SBOw: it is not selected with a value",
    "Cancel": "this object has no Cancel: what was commanded cannot be taken back",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """What is to be operated, by whom and when. ``now`` and ``at`` are seconds since 1970 UTC; no ``at``: at
    once."""

    value: object
    now: float
    ctl_num: int
    at: float | None = None
    or_cat: OrCat = OrCat.REMOTE_CONTROL
    or_ident: bytes = b""
    test: bool = False
    synchrocheck: bool = False
    interlock_check: bool = False


def control_data(described: TypeDescription | None, operation: Operation, service: str = "Oper") -> Data:
    """The Oper, SBOw or Cancel structure with the components this device has, in its order (8-2 Table 67).

    Raises UnusableValue.
    """
    if not isinstance(described, Structure) or part(described, ("ctlVal",)) is None:
        raise UnusableValue(_LACKS[service])
    if operation.at is not None and part(described, ("operTm",)) is None:
        raise UnusableValue(
            "this device knows no time-activated control (operTm): operate it at once instead"
        )
    if not 0 <= operation.ctl_num <= MAX_CTL_NUM or len(operation.or_ident) > MAX_OR_IDENT:
        raise UnusableValue(f"ctlNum is 0..{MAX_CTL_NUM}, orIdent has at most {MAX_OR_IDENT} octets")
    try:
        values: dict[str, object] = {
            "ctlVal": operation.value,
            "operTm": NOW if operation.at is None else Timestamp.from_unix(operation.at),
            "origin": {"orCat": int(operation.or_cat), "orIdent": operation.or_ident},
            "ctlNum": operation.ctl_num,
            "T": Timestamp.from_unix(operation.now),
            "Test": operation.test,
            "Check": f"{operation.synchrocheck:d}{operation.interlock_check:d}",
        }
    except ValueError as error:
        raise UnusableValue(str(error)) from None
    return to_data(described, {name: _known(values, name) for name, _ in described.components})


def _known(values: dict[str, object], name: str) -> object:
    if name not in values:
        raise UnusableValue(f"the device's controls have a component {name[:40]} that is not known here")
    return values[name]


@dataclass(frozen=True, slots=True)
class Termination:
    """How a command ended: ``add_cause`` None is well. ``timed``: TimeActivatedOperateTermination."""

    add_cause: AddCause | None
    timed: bool


class ControlMessages:
    """What devices say about commands by message: LastApplError before a failed write, terminations.

    Only what somebody is waiting for is kept, so what a peer sends cannot fill the memory.
    """

    def __init__(self) -> None:
        self._errors: dict[Hashable, AddCause | None] = {}
        self._listeners: dict[Hashable, Callable[[Termination], None]] = {}

    def expect(self, peer: str, control: str, ctl_num: int) -> Hashable:
        """A write to ``LD/LN$CO$DO`` begins; give the key back to ``take``."""
        key = (peer, control, ctl_num)
        self._errors[key] = None
        return key

    def take(self, key: Hashable) -> AddCause | None:
        """The write is over: the cause that came for it, if any did."""
        return self._errors.pop(key, None)

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
        """Take a LastApplError or a termination; False if the message is something else."""
        match payload.pdu:
            case Unconfirmed(InformationReport(VariableList(names), results)) if names:
                first, last = names[0], names[-1]
                error = first.item == LAST_APPL_ERROR and first.domain is None
                if error and len(names) == 1:
                    self._note(peer, results)
                    return True
                if last.domain is not None and last.item.endswith(OPER) and len(names) == 1 + error:
                    cause = (_cause(results[0]) if results else None) or AddCause.UNKNOWN
                    control = f"{last.domain}/{last.item.removesuffix(OPER)}"
                    self._tell(peer, control, results, cause if error else None)
                    return True
        return False

    def _note(self, peer: str, results: tuple[AccessResult, ...]) -> None:
        match results[0].value if results and isinstance(results[0], Data) else ():
            case (Data(_, str(control)), _, _, Data(_, int(ctl_num)), _):
                key = (peer, control.removesuffix(OPER), ctl_num)
                cause = _cause(results[0])
                if key in self._errors and cause is not None:
                    self._errors[key] = cause

    def _tell(
        self, peer: str, control: str, results: tuple[AccessResult, ...], cause: AddCause | None
    ) -> None:
        said = control_parts(results[-1]) if results and isinstance(results[-1], Data) else None
        listener = None if said is None else self._listeners.get((peer, control, said.number))
        if said is not None and listener is not None:
            listener(Termination(cause, not said.at.is_zero))


def _cause(error: AccessResult) -> AddCause | None:
    """AddCause of a LastApplError (8-2, 20.8); None if it is none."""
    parts = error.value if isinstance(error, Data) and error.tag == "structure" else ()
    if not isinstance(parts, tuple) or len(parts) != _LAST_APPL_ERROR_PARTS:
        return None
    cause = parts[-1].value
    if not isinstance(cause, int):
        return None
    return AddCause(cause) if cause in _CAUSES else AddCause.UNKNOWN


_CAUSES = frozenset(int(cause) for cause in AddCause)
