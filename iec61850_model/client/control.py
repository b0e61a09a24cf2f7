"""Operate as a client builds it, and the reason of a refusal (7-2 clause 20, 8-2 clause 20)."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from iec61850_model.client.definition import part
from iec61850_model.client.errors import UnusableValue
from iec61850_model.client.plain import to_data
from iec61850_model.mms.pdu import Data, Payload, Structure, TypeDescription, Unconfirmed, VariableList
from iec61850_model.values import NOW, AddCause, OrCat, Timestamp

LAST_APPL_ERROR = "LastApplError"
MAX_CTL_NUM = 255
"""ctlNum is an INT8U."""
MAX_OR_IDENT = 64
"""Octets of orIdent."""
_LAST_APPL_ERROR_PARTS = 5


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


def oper_data(described: TypeDescription | None, operation: Operation) -> Data:
    """The Oper structure with the components this device has, in its order (8-2 Table 67).

    Raises UnusableValue.
    """
    if not isinstance(described, Structure) or part(described, ("ctlVal",)) is None:
        raise UnusableValue("this object has no Oper with a ctlVal: it cannot be operated")
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
        raise UnusableValue(f"the device's Oper has a component {name[:40]} that is not known here")
    return values[name]


class LastErrors:
    """Joins the LastApplError that a device sends first with the failed write that follows it.

    Only what an operate is waiting for is kept, so what a peer sends cannot fill the memory.
    """

    def __init__(self) -> None:
        self._expected: dict[Hashable, AddCause | None] = {}

    def expect(self, peer: str, control: str, ctl_num: int) -> Hashable:
        """An operate on ``LD/LN$CO$DO`` begins; give the key back to ``take``."""
        key = (peer, control, ctl_num)
        self._expected[key] = None
        return key

    def take(self, key: Hashable) -> AddCause | None:
        """The operate is over: the cause that came for it, if any did."""
        return self._expected.pop(key, None)

    def receive(self, peer: str, payload: Payload) -> bool:
        """Note a LastApplError; False if the message is something else."""
        match payload.pdu:
            case Unconfirmed(report) if isinstance(report.variables, VariableList):
                names = report.variables.names
                if not names or names[0].item != LAST_APPL_ERROR or names[0].domain is not None:
                    return False
                result = report.results[0] if report.results else None
                if isinstance(result, Data):
                    self._note(peer, result)
                return True
        return False

    def _note(self, peer: str, data: Data) -> None:
        parts = data.value
        if data.tag != "structure" or not isinstance(parts, tuple) or len(parts) != _LAST_APPL_ERROR_PARTS:
            return
        control, _, _, ctl_num, cause = (one.value for one in parts if isinstance(one, Data))
        if isinstance(control, str) and isinstance(cause, int):
            key = (peer, control.removesuffix("$Oper"), ctl_num)
            if key in self._expected:
                self._expected[key] = AddCause(cause) if cause in _CAUSES else AddCause.UNKNOWN


_CAUSES = frozenset(int(cause) for cause in AddCause)
