"""How an object is controlled: what a device says of it in its CF."""

from __future__ import annotations

from dataclasses import dataclass

from iec61850_model.client import Client
from iec61850_model.mms.pdu import Data
from iec61850_model.reference import Reference
from iec61850_model.values import ControlModel, FunctionalConstraint

FC = FunctionalConstraint
OPER_TIMEOUT = 30.0
"""Seconds a device has to carry a command out where its model gives no operTimeout."""
GRACE = 10.0
"""Seconds longer that a termination is waited for: it has to travel too."""
_MILLISECONDS = 1000.0


@dataclass(frozen=True, slots=True)
class ControlFacts:
    """ctlModel, and operTimeout in seconds."""

    model: ControlModel
    oper_timeout: float

    @property
    def enhanced(self) -> bool:
        """A CommandTermination tells how a command ended."""
        return self.model in (ControlModel.DIRECT_ENHANCED, ControlModel.SBO_ENHANCED)

    @property
    def selected(self) -> bool:
        """It is selected before it is operated."""
        return self.model in (ControlModel.SBO_NORMAL, ControlModel.SBO_ENHANCED)

    @property
    def patience(self) -> float:
        """Seconds from the acceptance of a command in which its termination is here, if one comes."""
        return self.oper_timeout + GRACE


async def control_facts(client: Client, address: str, target: Reference) -> ControlFacts:
    """Ask for those of an object; raises ClientError."""
    definition = await client.definition(address, target.ld, target.ln)
    names = [
        name
        for name in ("ctlModel", "operTimeout")
        if definition.find(FC.CF, (*target.path, name)) is not None
    ]
    if not names:
        return ControlFacts(ControlModel.DIRECT_NORMAL, OPER_TIMEOUT)
    results = await client.get_data_values(address, [target.with_fc(FC.CF).child(name) for name in names])
    found = {
        name: result.value
        for name, result in zip(names, results, strict=True)
        if isinstance(result, Data) and isinstance(result.value, int)
    }
    model, timeout = found.get("ctlModel"), found.get("operTimeout")
    return ControlFacts(
        ControlModel(model) if model in set(ControlModel) else ControlModel.DIRECT_NORMAL,
        timeout / _MILLISECONDS if isinstance(timeout, int) and timeout > 0 else OPER_TIMEOUT,
    )
