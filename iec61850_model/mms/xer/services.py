"""Confirmed and unconfirmed services to XML and back."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree.ElementTree import Element

from iec61850_model.mms.pdu import (
    DataAccessError,
    GetNameListRequest,
    GetNameListResponse,
    GetVariableAccessAttributesRequest,
    GetVariableAccessAttributesResponse,
    InformationReport,
    ObjectClass,
    ObjectScope,
    ReadJournalRequest,
    ReadJournalResponse,
    ReadRequest,
    ReadResponse,
    RejectReason,
    RequestService,
    ResponseService,
    UnknownService,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.mms.xer.data import read_wrapped, write_data
from iec61850_model.mms.xer.journal import (
    read_journal_request,
    read_journal_response,
    write_journal_request,
    write_journal_response,
)
from iec61850_model.mms.xer.lists import (
    read_define_request,
    read_define_response,
    read_delete_request,
    read_delete_response,
    read_get_attributes_request,
    read_get_attributes_response,
    write_list_request,
    write_list_response,
)
from iec61850_model.mms.xer.names import (
    MAX_VARIABLES,
    identifier,
    read_access,
    read_name,
    read_type,
    write_access,
    write_name,
    write_type,
    written_identifier,
)
from iec61850_model.mms.xer.reading import MalformedPdu, Reader, UnencodableValue, arguments, shown
from iec61850_model.mms.xer.results import check_count, read_access_error, read_results, write_results

MAX_IDENTIFIERS = 4096
"""Names in one getNameList response; more than fit a PDU of the default size."""


# --- requests --------------------------------------------------------------------------------------


def write_request(service: RequestService, out: list[str]) -> None:
    """Append a ConfirmedServiceRequest's alternative; raises UnencodableValue."""
    match service:
        case ReadRequest(variables, with_result):
            out.append(f'<read specificationWithResult="{"true" if with_result else "false"}">')
            write_access(variables, out)
            out.append("</read>")
        case WriteRequest(variables, data):
            out.append("<write>")
            write_access(variables, out)
            check_count(data, MAX_VARIABLES)
            out.append("<listOfData>")
            for value in data:
                out.append("<Data>")
                write_data(value, out)
                out.append("</Data>")
            out.append("</listOfData></write>")
        case GetNameListRequest():
            _write_name_list_request(service, out)
        case GetVariableAccessAttributesRequest(name):
            out.append("<getVariableAccessAttributes><name>")
            write_name(name, out)
            out.append("</name></getVariableAccessAttributes>")
        case ReadJournalRequest():
            write_journal_request(service, out)
        case UnknownService(unknown):
            raise UnencodableValue(f"{unknown} is not a service this codec knows")
        case _:
            write_list_request(service, out)


def _write_name_list_request(service: GetNameListRequest, out: list[str]) -> None:
    out.append(f"<getNameList><objectClass><{service.object_class}/></objectClass><objectScope>")
    if (service.domain is not None) != (service.scope is ObjectScope.DOMAIN):
        raise UnencodableValue(f"scope {service.scope} and domain {service.domain!r:.60} do not go together")
    if service.domain is not None:
        out.append(f"<domainSpecific>{written_identifier(service.domain)}</domainSpecific>")
    else:
        out.append(f"<{service.scope}/>")
    out.append("</objectScope>")
    if service.continue_after is not None:
        out.append(f"<continueAfter>{written_identifier(service.continue_after)}</continueAfter>")
    out.append("</getNameList>")


def read_request(element: Element, reader: Reader) -> RequestService:
    """Read the alternative inside ConfirmedServiceRequest; an unknown one becomes UnknownService."""
    name = reader.name(element)
    decoder = _REQUESTS.get(name)
    return decoder(element, reader) if decoder else UnknownService(name[:64])


def _read_read(element: Element, reader: Reader) -> ReadRequest:
    fields = reader.fields(element, ("variableAccessSpecification",), ("specificationWithResult",))
    (access,) = arguments(fields, "variableAccessSpecification")
    return ReadRequest(read_access(access, reader), reader.flag(element, "specificationWithResult", False))


def _read_write(element: Element, reader: Reader) -> WriteRequest:
    fields = reader.fields(element, ("variableAccessSpecification", "listOfData"))
    access, values = arguments(fields, "variableAccessSpecification", "listOfData")
    data = tuple([read_wrapped(item, reader) for item in reader.items(values, "Data", MAX_VARIABLES)])
    return WriteRequest(read_access(access, reader), data)


def _read_get_name_list(element: Element, reader: Reader) -> GetNameListRequest:
    fields = reader.fields(element, ("objectClass", "objectScope", "continueAfter"))
    object_class, object_scope = arguments(fields, "objectClass", "objectScope")
    class_name, class_element = reader.choice(object_class)
    scope_name, scope_element = reader.choice(object_scope)
    try:
        listed, scope = ObjectClass(class_name), ObjectScope(scope_name)
    except ValueError:
        raise MalformedPdu(
            f"{shown(class_name)} in {shown(scope_name)} cannot be listed", RejectReason.INVALID_ARGUMENT
        ) from None
    reader.empty(class_element)
    domain = None
    if scope is ObjectScope.DOMAIN:
        domain = identifier(scope_element, reader)
    else:
        reader.empty(scope_element)
    after = fields.get("continueAfter")
    return GetNameListRequest(listed, scope, domain, None if after is None else identifier(after, reader))


def _read_get_attributes(element: Element, reader: Reader) -> GetVariableAccessAttributesRequest:
    (holder,) = arguments(reader.fields(element, ("name",)), "name")
    return GetVariableAccessAttributesRequest(read_name(holder, reader))


_REQUESTS: dict[str, Callable[[Element, Reader], RequestService]] = {
    "read": _read_read,
    "write": _read_write,
    "getNameList": _read_get_name_list,
    "getVariableAccessAttributes": _read_get_attributes,
    "getNamedVariableListAttributes": read_get_attributes_request,
    "defineNamedVariableList": read_define_request,
    "deleteNamedVariableList": read_delete_request,
    "readJournal": read_journal_request,
}


# --- responses -------------------------------------------------------------------------------------


def write_response(service: ResponseService, out: list[str]) -> None:
    """Append a ConfirmedServiceResponse's alternative; raises UnencodableValue."""
    match service:
        case ReadResponse(results):
            out.append("<read>")
            write_results(results, out)
            out.append("</read>")
        case WriteResponse(outcomes):
            check_count(outcomes, MAX_VARIABLES)
            out.append("<write>")
            for outcome in outcomes:
                inner = "<success/>" if outcome is None else f"<failure><{outcome.text}/></failure>"
                out.append(f"<CHOICE>{inner}</CHOICE>")
            out.append("</write>")
        case GetNameListResponse(identifiers, more):
            check_count(identifiers, MAX_IDENTIFIERS)
            out.append(f'<getNameList moreFollows="{"true" if more else "false"}"><listOfIdentifier>')
            out.extend(f"<Identifier>{written_identifier(name)}</Identifier>" for name in identifiers)
            out.append("</listOfIdentifier></getNameList>")
        case GetVariableAccessAttributesResponse(described, deletable):
            out.append("<getVariableAccessAttributes>")
            out.append(f"<mmsDeletable>{'true' if deletable else 'false'}</mmsDeletable>")
            write_type(described, out)
            out.append("</getVariableAccessAttributes>")
        case ReadJournalResponse():
            write_journal_response(service, out)
        case UnknownService(unknown):
            raise UnencodableValue(f"{unknown} is not a service this codec knows")
        case _:
            write_list_response(service, out)


def read_response(element: Element, reader: Reader) -> ResponseService:
    """Read the alternative inside ConfirmedServiceResponse; an unknown one becomes UnknownService."""
    name = reader.name(element)
    decoder = _RESPONSES.get(name)
    return decoder(element, reader) if decoder else UnknownService(name[:64])


def _read_read_response(element: Element, reader: Reader) -> ReadResponse:
    (results,) = arguments(reader.fields(element, ("listOfAccessResult",)), "listOfAccessResult")
    return ReadResponse(read_results(results, reader))


def _read_write_response(element: Element, reader: Reader) -> WriteResponse:
    outcomes: list[DataAccessError | None] = []
    for item in reader.items(element, "CHOICE", MAX_VARIABLES):
        way, inner = reader.choice(item)
        if way == "success":
            reader.empty(inner)
            outcomes.append(None)
        elif way == "failure":
            outcomes.append(read_access_error(inner, reader))
        else:
            raise MalformedPdu(f"{shown(way)} is neither success nor failure")
    return WriteResponse(tuple(outcomes))


def _read_name_list_response(element: Element, reader: Reader) -> GetNameListResponse:
    (names,) = arguments(reader.fields(element, ("listOfIdentifier",), ("moreFollows",)), "listOfIdentifier")
    listed = tuple(identifier(item, reader) for item in reader.items(names, "Identifier", MAX_IDENTIFIERS))
    return GetNameListResponse(listed, reader.flag(element, "moreFollows", True))


def _read_attributes_response(element: Element, reader: Reader) -> GetVariableAccessAttributesResponse:
    fields = reader.fields(element, ("mmsDeletable", "typeDescription"))
    deletable, described = arguments(fields, "mmsDeletable", "typeDescription")
    return GetVariableAccessAttributesResponse(read_type(described, reader), reader.boolean(deletable))


_RESPONSES: dict[str, Callable[[Element, Reader], ResponseService]] = {
    "read": _read_read_response,
    "write": _read_write_response,
    "getNameList": _read_name_list_response,
    "getVariableAccessAttributes": _read_attributes_response,
    "getNamedVariableListAttributes": read_get_attributes_response,
    "defineNamedVariableList": read_define_response,
    "deleteNamedVariableList": read_delete_response,
    "readJournal": read_journal_response,
}


# --- the unconfirmed service -----------------------------------------------------------------------


def write_report(report: InformationReport, out: list[str]) -> None:
    """Append an informationReport; raises UnencodableValue."""
    out.append("<informationReport>")
    write_access(report.variables, out)
    write_results(report.results, out)
    out.append("</informationReport>")


def read_report(element: Element, reader: Reader) -> InformationReport:
    """Read an informationReport; raises MalformedPdu."""
    fields = reader.fields(element, ("variableAccessSpecification", "listOfAccessResult"))
    access, results = arguments(fields, "variableAccessSpecification", "listOfAccessResult")
    return InformationReport(read_access(access, reader), read_results(results, reader))
