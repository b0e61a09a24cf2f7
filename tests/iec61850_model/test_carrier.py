"""Which stanza carries which PDU: 8-2 Table D.1, row by row."""

from __future__ import annotations

import pytest

from iec61850_model.mms.carrier import Carrier, carriers, is_request
from iec61850_model.mms.pdu import (
    PDU_SIZE,
    CancelError,
    CancelRequest,
    CancelResponse,
    ConcludeError,
    ConcludeRequest,
    ConcludeResponse,
    ConfirmedError,
    ConfirmedRequest,
    ConfirmedResponse,
    GetNameListRequest,
    GetNameListResponse,
    GetVariableAccessAttributesRequest,
    InformationReport,
    InitiateError,
    InitiateRequest,
    InitiateResponse,
    ObjectClass,
    ObjectName,
    ObjectScope,
    Pdu,
    ReadRequest,
    ReadResponse,
    Reject,
    RejectReason,
    Unconfirmed,
    UnknownService,
    VariableList,
    WriteRequest,
    WriteResponse,
)

GET, SET, RESULT, MESSAGE = Carrier.IQ_GET, Carrier.IQ_SET, Carrier.IQ_RESULT, Carrier.MESSAGE
NAME = ObjectName("LLN0", "LD0")
NAMES = VariableList((NAME,))

TABLE_D1: list[tuple[Pdu, bool, tuple[Carrier, ...]]] = [
    (ConfirmedRequest(1, GetNameListRequest(ObjectClass.DOMAIN, ObjectScope.VMD)), True, (GET,)),
    (ConfirmedRequest(1, ReadRequest(NAMES)), True, (GET, MESSAGE)),
    (ConfirmedRequest(1, GetVariableAccessAttributesRequest(NAME)), True, (GET,)),
    (ConfirmedRequest(1, WriteRequest(NAMES, ())), True, (SET, MESSAGE)),
    (ConfirmedRequest(1, UnknownService("fileOpen")), True, (GET, SET)),
    (CancelRequest(1), True, (GET,)),
    (ConcludeRequest(), True, (SET,)),
    (InitiateRequest(), True, (SET,)),
    (ConfirmedResponse(1, WriteResponse(())), False, (RESULT, MESSAGE)),
    (ConfirmedResponse(1, ReadResponse(())), False, (RESULT, MESSAGE)),
    (ConfirmedResponse(1, GetNameListResponse((), False)), False, (RESULT,)),
    (ConfirmedError(1, PDU_SIZE), False, (RESULT, MESSAGE)),
    (CancelResponse(1), False, (RESULT,)),
    (CancelError(1, PDU_SIZE), False, (RESULT,)),
    (ConcludeResponse(), False, (RESULT,)),
    (ConcludeError(PDU_SIZE), False, (RESULT,)),
    (InitiateResponse(65_536, 1, 1, 5), False, (RESULT,)),
    (InitiateError(PDU_SIZE), False, (RESULT,)),
    (Unconfirmed(InformationReport(NAMES, ())), False, (MESSAGE,)),
    (Reject(RejectReason.OTHER), False, (RESULT, MESSAGE)),
]


@pytest.mark.parametrize(("pdu", "asks", "expected"), TABLE_D1, ids=lambda part: repr(part)[:60])
def test_the_stanzas_of_a_pdu(pdu: Pdu, asks: bool, expected: tuple[Carrier, ...]) -> None:
    assert carriers(pdu) == expected
    assert is_request(pdu) is asks


def test_carriers_are_the_type_attributes_of_their_stanzas() -> None:
    assert [carrier.value for carrier in (GET, SET, RESULT, MESSAGE)] == ["get", "set", "result", "normal"]
