"""Which service of control a read or a write is (8-2 clause 20)."""

from __future__ import annotations

from iec61850_model.mms.pdu import ReadRequest, VariableList
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.server.control.command import SELECT, Service
from iec61850_model.values import FunctionalConstraint

FC = FunctionalConstraint


def service_of(reference: Reference) -> Service | None:
    """What a write to this reference asks for; None if it is no service of control."""
    if reference.fc is not FC.CO or len(reference.path) < 2:
        return None
    return Service(reference.path[-1]) if reference.path[-1] in tuple(Service) else None


def selected_by(request: ReadRequest) -> Reference | None:
    """The data object a read selects: the read of its ``SBO`` and of nothing else (8-2, 20.3)."""
    variables = request.variables
    if not isinstance(variables, VariableList) or len(variables.names) != 1:
        return None
    (name,) = variables.names
    try:
        reference = Reference.from_mms(name.domain or "", name.item)
    except InvalidReference:
        return None
    if reference.fc is not FC.CO or reference.path[1:][-1:] != (SELECT,):
        return None
    return Reference(reference.ld, reference.ln, reference.path[:-1])
