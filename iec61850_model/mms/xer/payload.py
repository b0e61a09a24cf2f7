"""Whole PDUs and the association context around them, to XML and back (8-2 clause 10, Annex D)."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree.ElementTree import Element, ParseError, XMLParser

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from iec61850_model.mms.pdu import (
    DEFAULT_PDU_SIZE,
    ERROR_NAMES,
    CancelError,
    CancelRequest,
    CancelResponse,
    ConcludeError,
    ConcludeRequest,
    ConcludeResponse,
    ConfirmedError,
    ConfirmedRequest,
    ConfirmedResponse,
    ErrorClass,
    InitiateError,
    InitiateRequest,
    InitiateResponse,
    MmsError,
    Payload,
    Pdu,
    Reject,
    RejectReason,
    Unconfirmed,
)
from iec61850_model.mms.xer.data import digits
from iec61850_model.mms.xer.initiate import initiate_parts, read_initiate_request, read_initiate_response
from iec61850_model.mms.xer.reading import NS82, MalformedPdu, Reader, UnencodableValue, integer, shown
from iec61850_model.mms.xer.services import (
    read_report,
    read_request,
    read_response,
    write_report,
    write_request,
    write_response,
)

MAX_INVOKE_ID = 0xFFFF_FFFF
"""invokeID is an Unsigned32 (ISO 9506-2)."""
MAX_ERROR_CODE = 255
"""Largest code of an error class; those in use are below 20."""
ASSOCIATION_ID = re.compile(r"[0-9]{1,3}(:[0-9]{1,3})?", re.ASCII)
_STRICT, _LENIENT = Reader(strict=True), Reader(strict=False)
_INVOKE_ID = f"{{{NS82}}}invokeID"
_REQUEST_HOLDER = f"{{{NS82}}}ConfirmedServiceRequest"
_RESPONSE_HOLDER = f"{{{NS82}}}ConfirmedServiceResponse"
_SHORT = 9
"""Digits of a number that is an Unsigned32 whatever they are."""


# --- encoding --------------------------------------------------------------------------------------


def encode_payload(payload: Payload) -> str:
    """The XML a stanza carries; raises UnencodableValue."""
    if payload.association is None:
        return encode(payload.pdu)
    if not ASSOCIATION_ID.fullmatch(payload.association):
        raise UnencodableValue(f"{shown(payload.association)} is not an association id")
    out = [f'<associationContext xmlns="{NS82}" assoID="{payload.association}">']
    _write_pdu(payload.pdu, out, "")
    out.append("</associationContext>")
    return "".join(out)


def encode(pdu: Pdu) -> str:
    """A PDU as XML; raises UnencodableValue if a value in it has no 8-2 form."""
    out: list[str] = []
    _write_pdu(pdu, out, f' xmlns="{NS82}"')
    return "".join(out)


def _write_pdu(pdu: Pdu, out: list[str], xmlns: str) -> None:
    match pdu:
        case ConfirmedRequest(invoke_id, service):
            out.append(f"<confirmed-RequestPDU{xmlns}>{_written_id(invoke_id)}<ConfirmedServiceRequest>")
            write_request(service, out)
            out.append("</ConfirmedServiceRequest></confirmed-RequestPDU>")
        case ConfirmedResponse(invoke_id, response):
            out.append(f"<confirmed-ResponsePDU{xmlns}>{_written_id(invoke_id)}<ConfirmedServiceResponse>")
            write_response(response, out)
            out.append("</ConfirmedServiceResponse></confirmed-ResponsePDU>")
        case ConfirmedError(invoke_id, error):
            out.append(
                f"<confirmed-ErrorPDU{xmlns}>{_written_id(invoke_id)}"
                f"{_service_error(error)}</confirmed-ErrorPDU>"
            )
        case Unconfirmed(report):
            out.append(f"<unconfirmed-PDU{xmlns}><UnconfirmedService>")
            write_report(report, out)
            out.append("</UnconfirmedService></unconfirmed-PDU>")
        case Reject(reason, original):
            out.append(f"<rejectPDU{xmlns}>")
            if original is not None:
                out.append(_written_id(original, "originalInvokeID"))
            inner = f"<{_REJECT_NAMES[reason]}/>"
            out.append(
                f"<rejectReason><{reason.reason_class}>{inner}</{reason.reason_class}></rejectReason></rejectPDU>"
            )
        case InitiateRequest():
            out.append(f"<initiate-RequestPDU{xmlns}>{initiate_parts(pdu)}")
            out.append("</initiate-RequestPDU>")
        case InitiateResponse():
            out.append(f"<initiate-ResponsePDU{xmlns}>{initiate_parts(pdu)}")
            out.append("</initiate-ResponsePDU>")
        case InitiateError(error):
            out.append(f"<initiate-ErrorPDU{xmlns}>{_error_class(error)}</initiate-ErrorPDU>")
        case ConcludeRequest():
            out.append(f"<conclude-RequestPDU{xmlns}/>")
        case ConcludeResponse():
            out.append(f"<conclude-ResponsePDU{xmlns}/>")
        case ConcludeError(error):
            out.append(f"<conclude-ErrorPDU{xmlns}>{_error_class(error)}</conclude-ErrorPDU>")
        case CancelRequest(invoke_id):
            out.append(f"<cancel-RequestPDU{xmlns}>{digits(invoke_id, 0, MAX_INVOKE_ID)}</cancel-RequestPDU>")
        case CancelResponse(invoke_id):
            number = digits(invoke_id, 0, MAX_INVOKE_ID)
            out.append(f"<cancel-ResponsePDU{xmlns}>{number}</cancel-ResponsePDU>")
        case CancelError(invoke_id, error):
            out.append(
                f"<cancel-ErrorPDU{xmlns}>{_written_id(invoke_id, 'originalInvokeID')}"
                f"{_service_error(error)}</cancel-ErrorPDU>"
            )


def _written_id(invoke_id: int, element: str = "invokeID") -> str:
    return f"<{element}>{digits(invoke_id, 0, MAX_INVOKE_ID)}</{element}>"


def _service_error(error: MmsError) -> str:
    return f"<serviceError>{_error_class(error)}</serviceError>"


def _error_class(error: MmsError) -> str:
    name = ERROR_NAMES.get((error.error_class, error.code))
    code = f"<{name}/>" if name else digits(error.code, 0, MAX_ERROR_CODE)
    return f"<errorClass><{error.error_class}>{code}</{error.error_class}></errorClass>"


# --- decoding --------------------------------------------------------------------------------------


def parse(xml: bytes | str) -> Element:
    """Parse XML from outside: no DTD, no entities, at most the default PDU size times two (with context).

    Raises MalformedPdu.
    """
    try:
        octets = xml.encode() if isinstance(xml, str) else xml
    except UnicodeEncodeError as error:
        raise MalformedPdu(f"not Unicode text: {shown(str(error))}") from error
    if len(octets) > 2 * DEFAULT_PDU_SIZE:
        raise MalformedPdu(f"{len(octets)} octets are more than a PDU may have")
    parser: XMLParser = DefusedXMLParser(forbid_dtd=True)
    try:
        parser.feed(octets)
        element: Element = parser.close()
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise MalformedPdu(f"not well-formed XML: {shown(str(error))}") from error
    return element


def decode_payload(element: Element, *, strict: bool = False) -> Payload:
    """Read what a stanza carries: an association context around a PDU, or a bare PDU.

    Raises MalformedPdu, and nothing else, for anything that is neither.
    """
    reader = _STRICT if strict else _LENIENT
    name = reader.name(element)
    if name != "associationContext":
        return Payload(_decode(name, element, reader))
    association = element.get("assoID", "")
    if not ASSOCIATION_ID.fullmatch(association):
        raise MalformedPdu(f"{shown(association)} is not an association id")
    return Payload(_decode(*reader.choice(element, ("assoID",)), reader), association)


def decode(element: Element, *, strict: bool = False) -> Pdu:
    """Read a PDU. Strict refuses unknown elements, attributes, namespaces and stray text; lenient skips them.

    Raises MalformedPdu with the reject reason and, if it could be read, the invokeID.
    """
    reader = _STRICT if strict else _LENIENT
    return _decode(reader.name(element), element, reader)


def _decode(name: str, element: Element, reader: Reader) -> Pdu:
    decoder = _PDUS.get(name)
    if decoder is None:
        raise MalformedPdu(f"{shown(name)} is not a PDU", RejectReason.UNKNOWN_PDU_TYPE)
    return decoder(element, reader)


def _invoke_id(element: Element, reader: Reader) -> int:
    return reader.integer(element, 0, MAX_INVOKE_ID)


def _usual_parts(element: Element, holder_tag: str) -> tuple[int, Element] | None:
    """invokeID and the service of a confirmed PDU, if they are all there is and in this order; None if not.

    For what is so nearly always a call for each element would cost as much as the service.
    """
    if len(element) != 2 or element.attrib or element.text:
        return None
    number, holder = element
    if number.tag != _INVOKE_ID or len(number) or number.attrib or number.tail:
        return None
    if holder.tag != holder_tag or len(holder) != 1 or holder.attrib or holder.text or holder.tail:
        return None
    text, service = number.text or "", holder[0]
    if service.tail or len(text) > _SHORT or not (text.isascii() and text.isdigit()):
        return None
    return int(text), service


def _read_confirmed_request(element: Element, reader: Reader) -> ConfirmedRequest:
    usual = _usual_parts(element, _REQUEST_HOLDER)
    if usual is not None:
        invoke_id, service = usual
    else:
        fields = reader.needed(element, "invokeID", "ConfirmedServiceRequest")
        invoke_id = _invoke_id(fields["invokeID"], reader)
    try:
        if usual is None:
            service = reader.choice(fields["ConfirmedServiceRequest"])[1]
        return ConfirmedRequest(invoke_id, read_request(service, reader))
    except MalformedPdu as error:
        error.invoke_id = invoke_id
        raise


def _read_confirmed_response(element: Element, reader: Reader) -> ConfirmedResponse:
    usual = _usual_parts(element, _RESPONSE_HOLDER)
    if usual is not None:
        return ConfirmedResponse(usual[0], read_response(usual[1], reader))
    fields = reader.needed(element, "invokeID", "ConfirmedServiceResponse")
    service = read_response(reader.choice(fields["ConfirmedServiceResponse"])[1], reader)
    return ConfirmedResponse(_invoke_id(fields["invokeID"], reader), service)


def _read_error_class(element: Element, reader: Reader) -> MmsError:
    class_name, code = reader.choice(element)
    try:
        error_class = ErrorClass(class_name)
    except ValueError:
        raise MalformedPdu(f"{shown(class_name)} is not an error class") from None
    names = {name: number for (its_class, number), name in ERROR_NAMES.items() if its_class is error_class}
    return MmsError(error_class, reader.named_integer(code, names))


def _read_service_error(element: Element, reader: Reader) -> MmsError:
    extra = ("additionalCode", "additionalDescription", "serviceSpecificInfo")
    return _read_error_class(reader.needed(element, "errorClass", optional=extra)["errorClass"], reader)


def _read_confirmed_error(element: Element, reader: Reader) -> ConfirmedError:
    fields = reader.needed(element, "invokeID", "serviceError", optional=("modifierPosition",))
    return ConfirmedError(
        _invoke_id(fields["invokeID"], reader), _read_service_error(fields["serviceError"], reader)
    )


def _read_unconfirmed(element: Element, reader: Reader) -> Unconfirmed:
    name, service = reader.choice(reader.needed(element, "UnconfirmedService")["UnconfirmedService"])
    if name != "informationReport":
        raise MalformedPdu(
            f"{shown(name)} is not an unconfirmed service of 8-2", RejectReason.UNRECOGNIZED_SERVICE
        )
    return Unconfirmed(read_report(service, reader))


_REJECT_NAMES = {reason: reason.name.lower().replace("_", "-") for reason in RejectReason}
_REJECT_NAMES[RejectReason.INVALID_INVOKE_ID] = "invalid-invokeID"


def _read_reject(element: Element, reader: Reader) -> Reject:
    fields = reader.needed(element, "rejectReason", optional=("originalInvokeID",))
    class_name, code = reader.choice(fields["rejectReason"])
    names = {name: reason.code for reason, name in _REJECT_NAMES.items() if reason.reason_class == class_name}
    number = reader.named_integer(code, names)
    try:
        reason = RejectReason(f"{class_name}/{number}")
    except ValueError:
        reason = RejectReason.OTHER
    original = fields.get("originalInvokeID")
    return Reject(reason, None if original is None else _invoke_id(original, reader))


def _read_conclude_request(element: Element, reader: Reader) -> ConcludeRequest:
    reader.empty(element)
    return ConcludeRequest()


def _read_conclude_response(element: Element, reader: Reader) -> ConcludeResponse:
    reader.empty(element)
    return ConcludeResponse()


def _read_cancel_error(element: Element, reader: Reader) -> CancelError:
    fields = reader.needed(element, "originalInvokeID", "serviceError")
    return CancelError(
        _invoke_id(fields["originalInvokeID"], reader), _read_service_error(fields["serviceError"], reader)
    )


def _plain_error(make: Callable[[MmsError], Pdu]) -> Callable[[Element, Reader], Pdu]:
    return lambda element, reader: make(_read_service_error(element, reader))


def _plain_id(make: Callable[[int], Pdu]) -> Callable[[Element, Reader], Pdu]:
    return lambda element, reader: make(integer(reader.text(element), 0, MAX_INVOKE_ID))


_PDUS: dict[str, Callable[[Element, Reader], Pdu]] = {
    "confirmed-RequestPDU": _read_confirmed_request,
    "confirmed-ResponsePDU": _read_confirmed_response,
    "confirmed-ErrorPDU": _read_confirmed_error,
    "unconfirmed-PDU": _read_unconfirmed,
    "rejectPDU": _read_reject,
    "initiate-RequestPDU": read_initiate_request,
    "initiate-ResponsePDU": read_initiate_response,
    "initiate-ErrorPDU": _plain_error(InitiateError),
    "conclude-RequestPDU": _read_conclude_request,
    "conclude-ResponsePDU": _read_conclude_response,
    "conclude-ErrorPDU": _plain_error(ConcludeError),
    "cancel-RequestPDU": _plain_id(CancelRequest),
    "cancel-ResponsePDU": _plain_id(CancelResponse),
    "cancel-ErrorPDU": _read_cancel_error,
}
