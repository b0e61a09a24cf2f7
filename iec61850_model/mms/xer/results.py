"""The results of single variables, read or reported, to XML and back."""

from __future__ import annotations

from collections.abc import Sized
from xml.etree.ElementTree import Element

from iec61850_model.mms.pdu import AccessResult, Data, DataAccessError, RejectReason
from iec61850_model.mms.xer.data import read_wrapped, write_data
from iec61850_model.mms.xer.names import MAX_VARIABLES
from iec61850_model.mms.xer.reading import NS82, MalformedPdu, Reader, UnencodableValue, shown

_SUCCESS = f"{{{NS82}}}success"
_ACCESS_ERRORS = {error.text: error.value for error in DataAccessError}


def check_count(items: Sized, limit: int) -> None:
    """Raises UnencodableValue if there are more than ``limit`` items."""
    if len(items) > limit:
        raise UnencodableValue(f"{len(items)} entries are more than the {limit} of one PDU")


def write_results(results: tuple[AccessResult, ...], out: list[str]) -> None:
    """Append a listOfAccessResult; raises UnencodableValue."""
    check_count(results, MAX_VARIABLES)
    out.append("<listOfAccessResult>")
    for result in results:
        if isinstance(result, Data):
            out.append("<AccessResult><success>")
            write_data(result, out)
            out.append("</success></AccessResult>")
        else:
            out.append(f"<AccessResult><failure><{result.text}/></failure></AccessResult>")
    out.append("</listOfAccessResult>")


def read_results(element: Element, reader: Reader) -> tuple[AccessResult, ...]:
    """Read a listOfAccessResult; raises MalformedPdu."""
    results: list[AccessResult] = []
    for item in reader.items(element, "AccessResult", MAX_VARIABLES):
        if len(item) == 1 and not (item.attrib or item.text):
            found = item[0]
            if found.tag == _SUCCESS and not found.tail:  # as nearly all are: without a call
                results.append(read_wrapped(found, reader))
                continue
        results.append(_read_result(*reader.choice(item), reader))
    return tuple(results)


def _read_result(way: str, element: Element, reader: Reader) -> AccessResult:
    if way == "success":
        return read_wrapped(element, reader)
    if way == "failure":
        return read_access_error(element, reader)
    raise MalformedPdu(f"{shown(way)} is neither success nor failure")


def read_access_error(element: Element, reader: Reader) -> DataAccessError:
    """Read why a variable could not be read or written; raises MalformedPdu."""
    code = reader.named_integer(element, _ACCESS_ERRORS)
    try:
        return DataAccessError(code)
    except ValueError:
        raise MalformedPdu(f"{code} is not a DataAccessError", RejectReason.VALUE_OUT_OF_RANGE) from None
