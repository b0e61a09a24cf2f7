"""Associate's PDUs: what each side offers and what is agreed, to XML and back (8-2 clause 10)."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from iec61850_model.mms.pdu import DEFAULT_PDU_SIZE, InitiateRequest, InitiateResponse, RejectReason
from iec61850_model.mms.xer.data import digits
from iec61850_model.mms.xer.reading import MalformedPdu, Reader, UnencodableValue, shown

MAX_LOCAL_DETAIL = 16 * 1024 * 1024
"""Largest PDU size a peer may offer, octets; what is used is the smaller of both."""
INTEGER8_MAX = 0x7F
"""Levels of nesting are an Integer8 (ISO 9506-2); also what an absent nesting level means: no limit."""
INTEGER16_MAX = 0x7FFF
"""Outstanding services and the version are Integer16 (ISO 9506-2)."""
MAX_OPTION_BITS = 128
"""Bits of ParameterCBB and servicesSupported; the standard has 11 and 85."""
_CBB_BITS = ("str1", "str2", "vnam", "valt", "vadr", "vsca", "tpy", "vlis", "real", "spare", "cei")
_SERVICE_BITS = {
    0: "status",
    1: "getNameList",
    2: "identify",
    4: "read",
    5: "write",
    6: "getVariableAccessAttributes",
    11: "defineNamedVariableList",
    12: "getNamedVariableListAttributes",
    13: "deleteNamedVariableList",
    65: "readJournal",
    79: "informationReport",
    83: "conclude",
    84: "cancel",
}
_SERVICE_COUNT = 85


_REQUEST = ("Calling", "proposed", "Request")
_RESPONSE = ("Called", "negotiated", "Response")
"""Words by which the element names of request and response differ: side, state, kind."""


def initiate_parts(pdu: InitiateRequest | InitiateResponse) -> str:
    """What stands inside an initiate PDU; raises UnencodableValue."""
    side, state, kind = _REQUEST if isinstance(pdu, InitiateRequest) else _RESPONSE
    unknown = [*pdu.parameter_cbb.difference(_CBB_BITS), *pdu.services.difference(_SERVICE_BITS.values())]
    if unknown:
        raise UnencodableValue(f"{', '.join(unknown)!r:.80} have no bit in an initiate PDU")
    cbb = "".join("1" if name in pdu.parameter_cbb else "0" for name in _CBB_BITS)
    calling, called, version = (
        digits(number, 0, INTEGER16_MAX) for number in (pdu.max_calling, pdu.max_called, pdu.version)
    )
    nesting = digits(pdu.nesting, 0, INTEGER8_MAX)
    services = "".join(
        "1" if _SERVICE_BITS.get(bit) in pdu.services else "0" for bit in range(_SERVICE_COUNT)
    )
    return (
        f"<localDetail{side}>{digits(pdu.local_detail, 0, MAX_LOCAL_DETAIL)}</localDetail{side}>"
        f"<{state}MaxServOutstandingCalling>{calling}</{state}MaxServOutstandingCalling>"
        f"<{state}MaxServOutstandingCalled>{called}</{state}MaxServOutstandingCalled>"
        f"<{state}DataStructureNestingLevel>{nesting}</{state}DataStructureNestingLevel>"
        f"<init{kind}Detail><{state}VersionNumber>{version}</{state}VersionNumber>"
        f"<{state}ParameterCBB>{cbb}</{state}ParameterCBB>"
        f"<servicesSupported{side}>{services}</servicesSupported{side}></init{kind}Detail>"
    )


def _read(element: Element, reader: Reader, words: tuple[str, str, str]) -> InitiateRequest:
    side, state, kind = words
    levels = [f"{state}MaxServOutstandingCalling", f"{state}MaxServOutstandingCalled"]
    nesting, local = f"{state}DataStructureNestingLevel", f"localDetail{side}"
    fields = reader.needed(element, *levels, f"init{kind}Detail", optional=(local, nesting))
    detail = reader.needed(
        fields[f"init{kind}Detail"],
        f"{state}VersionNumber",
        f"{state}ParameterCBB",
        f"servicesSupported{side}",
    )
    cbb = _bits(reader.text(detail[f"{state}ParameterCBB"]))
    services = _bits(reader.text(detail[f"servicesSupported{side}"]))
    return InitiateRequest(
        local_detail=reader.integer(fields[local], 0, MAX_LOCAL_DETAIL)
        if local in fields
        else DEFAULT_PDU_SIZE,
        max_calling=reader.integer(fields[levels[0]], 0, INTEGER16_MAX),
        max_called=reader.integer(fields[levels[1]], 0, INTEGER16_MAX),
        nesting=reader.integer(fields[nesting], 0, INTEGER8_MAX) if nesting in fields else INTEGER8_MAX,
        version=reader.integer(detail[f"{state}VersionNumber"], 0, INTEGER16_MAX),
        parameter_cbb=frozenset(name for name, bit in zip(_CBB_BITS, cbb, strict=False) if bit == "1"),
        services=frozenset(
            _SERVICE_BITS[at] for at, bit in enumerate(services) if bit == "1" and at in _SERVICE_BITS
        ),
    )


def _bits(text: str) -> str:
    stripped = text.strip()
    if not 0 < len(stripped) <= MAX_OPTION_BITS or stripped.strip("01"):
        raise MalformedPdu(f"{shown(stripped)} is not a bit string", RejectReason.INVALID_ARGUMENT)
    return stripped


def read_initiate_request(element: Element, reader: Reader) -> InitiateRequest:
    """Read an initiate-RequestPDU; raises MalformedPdu."""
    return _read(element, reader, _REQUEST)


def read_initiate_response(element: Element, reader: Reader) -> InitiateResponse:
    """Read an initiate-ResponsePDU; raises MalformedPdu."""
    read = _read(element, reader, _RESPONSE)
    return InitiateResponse(
        read.local_detail,
        read.max_calling,
        read.max_called,
        read.nesting,
        read.version,
        read.parameter_cbb,
        read.services,
    )
