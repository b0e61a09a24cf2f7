"""Commands as a client builds them, and what a device says about them by itself (7-2 and 8-2 clause 20)."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from iec61850_model.client.definition import part
from iec61850_model.client.errors import UnusableValue
from iec61850_model.client.plain import to_data
from iec61850_model.mms.pdu import (
    AccessResult,
    Data,
    InformationReport,
    ObjectName,
    Payload,
    Structure,
    TypeDescription,
    Unconfirmed,
    VariableList,
)
from iec61850_model.values import NOW, AddCause, OrCat, Timestamp

LAST_APPL_ERROR = ObjectName("LastApplError")
MAX_CTL_NUM = 255
"""ctlNum is an INT8U."""
MAX_OR_IDENT = 64
"""Octets of orIdent."""
OPER = "$Oper"
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


def oper_data(described: TypeDescription | None, operation: Operation, service: str = "Oper") -> Data:
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
            case Unconfirmed(InformationReport(VariableList((name,)), results)):
                if name != LAST_APPL_ERROR:
                    return False
                if results:
                    self._note(peer, results[0])
                return True
        return False

    def _note(self, peer: str, error: AccessResult) -> None:
        match error:
            case Data("structure", (Data(_, str(control)), _, _, Data(_, int(ctl_num)), _)):
                key, cause = (peer, control.removesuffix(OPER), ctl_num), cause_of(error)
                if key in self._expected and cause is not None:
                    self._expected[key] = cause


def cause_of(error: AccessResult) -> AddCause | None:
    """AddCause of a LastApplError (8-2, 20.8); None if it is none."""
    match error:
        case Data("structure", (_, _, _, _, Data(_, int(cause)))):
            return AddCause(cause) if cause in _CAUSES else AddCause.UNKNOWN
    return None


_CAUSES = frozenset(int(cause) for cause in AddCause)
