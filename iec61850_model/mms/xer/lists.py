"""The services of named variable lists, which are data sets, to XML and back (8-2 clause 14)."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from iec61850_model.mms.pdu import (
    DefineNamedVariableListRequest,
    DefineNamedVariableListResponse,
    DeleteNamedVariableListRequest,
    DeleteNamedVariableListResponse,
    GetNamedVariableListAttributesRequest,
    GetNamedVariableListAttributesResponse,
    RejectReason,
)
from iec61850_model.mms.xer.data import digits
from iec61850_model.mms.xer.names import read_name, read_variables, write_name, write_variables
from iec61850_model.mms.xer.reading import MalformedPdu, Reader, UnencodableValue, arguments, shown

MAX_LISTS = 64
"""Data sets deleted by one request."""
UNSIGNED32_MAX = 0xFFFF_FFFF
"""Largest count of a delete response (ISO 9506-2)."""

_SPECIFIC = ("specific", "0")


def write_list_request(
    service: GetNamedVariableListAttributesRequest
    | DefineNamedVariableListRequest
    | DeleteNamedVariableListRequest,
    out: list[str],
) -> None:
    """Append the request of a data set service; raises UnencodableValue."""
    match service:
        case GetNamedVariableListAttributesRequest(name):
            out.append("<getNamedVariableListAttributes>")
            write_name(name, out)
            out.append("</getNamedVariableListAttributes>")
        case DefineNamedVariableListRequest(name, variables):
            out.append("<defineNamedVariableList><variableListName>")
            write_name(name, out)
            out.append("</variableListName>")
            write_variables(variables, out)
            out.append("</defineNamedVariableList>")
        case DeleteNamedVariableListRequest(names):
            if not 0 < len(names) <= MAX_LISTS:
                raise UnencodableValue(f"{len(names)} data sets; 1 to {MAX_LISTS} go into a PDU")
            out.append('<deleteNamedVariableList scopeOfDelete="specific"><listOfVariableListName>')
            for name in names:
                out.append("<ObjectName>")
                write_name(name, out)
                out.append("</ObjectName>")
            out.append("</listOfVariableListName></deleteNamedVariableList>")


def read_get_attributes_request(element: Element, reader: Reader) -> GetNamedVariableListAttributesRequest:
    """Read the request of GetDataSetDirectory; raises MalformedPdu."""
    return GetNamedVariableListAttributesRequest(read_name(element, reader))


def read_define_request(element: Element, reader: Reader) -> DefineNamedVariableListRequest:
    """Read the request of CreateDataSet; raises MalformedPdu."""
    fields = reader.fields(element, ("variableListName", "listOfVariable"))
    name, variables = arguments(fields, "variableListName", "listOfVariable")
    return DefineNamedVariableListRequest(read_name(name, reader), read_variables(variables, reader))


def read_delete_request(element: Element, reader: Reader) -> DeleteNamedVariableListRequest:
    """Read the request of DeleteDataSet; raises MalformedPdu, also for any scope but ``specific``."""
    fields = reader.fields(element, ("listOfVariableListName", "domainName"), ("scopeOfDelete",))
    scope = element.get("scopeOfDelete", "specific")
    if scope.strip() not in _SPECIFIC or "domainName" in fields:
        raise MalformedPdu(
            f"data sets are deleted by name only, not by scope {shown(scope)}", RejectReason.INVALID_ARGUMENT
        )
    (names,) = arguments(fields, "listOfVariableListName")
    items = reader.items(names, "ObjectName", MAX_LISTS)
    if not items:
        raise MalformedPdu("listOfVariableListName is empty", RejectReason.INVALID_ARGUMENT)
    return DeleteNamedVariableListRequest(tuple(read_name(item, reader) for item in items))


def write_list_response(
    service: GetNamedVariableListAttributesResponse
    | DefineNamedVariableListResponse
    | DeleteNamedVariableListResponse,
    out: list[str],
) -> None:
    """Append the response of a data set service; raises UnencodableValue."""
    match service:
        case GetNamedVariableListAttributesResponse(variables, deletable):
            word = "true" if deletable else "false"
            out.append(f"<getNamedVariableListAttributes><mmsDeletable>{word}</mmsDeletable>")
            write_variables(variables, out)
            out.append("</getNamedVariableListAttributes>")
        case DefineNamedVariableListResponse():
            out.append("<defineNamedVariableList/>")
        case DeleteNamedVariableListResponse(matched, deleted):
            out.append(
                "<deleteNamedVariableList>"
                f"<numberMatched>{digits(matched, 0, UNSIGNED32_MAX)}</numberMatched>"
                f"<numberDeleted>{digits(deleted, 0, UNSIGNED32_MAX)}</numberDeleted>"
                "</deleteNamedVariableList>"
            )


def read_get_attributes_response(element: Element, reader: Reader) -> GetNamedVariableListAttributesResponse:
    """Read the response of GetDataSetDirectory; raises MalformedPdu."""
    fields = reader.fields(element, ("mmsDeletable", "listOfVariable"))
    deletable, variables = arguments(fields, "mmsDeletable", "listOfVariable")
    return GetNamedVariableListAttributesResponse(
        read_variables(variables, reader), reader.boolean(deletable)
    )


def read_define_response(element: Element, reader: Reader) -> DefineNamedVariableListResponse:
    """Read the response of CreateDataSet; raises MalformedPdu."""
    reader.empty(element)
    return DefineNamedVariableListResponse()


def read_delete_response(element: Element, reader: Reader) -> DeleteNamedVariableListResponse:
    """Read the response of DeleteDataSet; raises MalformedPdu."""
    fields = reader.fields(element, ("numberMatched", "numberDeleted"))
    matched, deleted = arguments(fields, "numberMatched", "numberDeleted")
    return DeleteNamedVariableListResponse(
        reader.integer(matched, 0, UNSIGNED32_MAX), reader.integer(deleted, 0, UNSIGNED32_MAX)
    )
