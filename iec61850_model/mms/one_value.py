"""One value with its name as a short text, to be kept: the write request that would set it (8-2, 12)."""

from __future__ import annotations

from iec61850_model.mms import xer
from iec61850_model.mms.pdu import ConfirmedRequest, Data, ObjectName, VariableList, WriteRequest


def as_text(name: ObjectName, data: Data) -> str:
    """The request that writes this value to this variable, in one line."""
    return xer.encode(ConfirmedRequest(0, WriteRequest(VariableList((name,)), (data,))))


def value_in(text: str) -> Data:
    """The value in such a text. Raises MalformedPdu or ValueError for another text."""
    pdu = xer.decode(xer.parse(text), strict=True)
    if (
        isinstance(pdu, ConfirmedRequest)
        and isinstance(pdu.service, WriteRequest)
        and len(pdu.service.data) == 1
    ):
        return pdu.service.data[0]
    raise ValueError("not a write of one value")
