"""How settings are read from a box and written to it, as the services of 7-2 (clauses 12 and 20)."""

from __future__ import annotations

import time
from dataclasses import dataclass

from hub.kept_settings import COMMANDED, HOLDER, MAX_VALUE, SET_POINTS, SETTINGS
from hub.operations.asking import OR_IDENT
from iec61850_model.client.control import Operation, oper_data
from iec61850_model.client.errors import (
    BadAnswer,
    ClientError,
    NoAnswer,
    NoSuchObject,
    UnusableValue,
    of_access,
)
from iec61850_model.client.exchange import Exchange
from iec61850_model.mms import xer
from iec61850_model.mms.one_value import as_text, value_in
from iec61850_model.mms.pdu import (
    AccessResult,
    Data,
    DataAccessError,
    GetVariableAccessAttributesRequest,
    GetVariableAccessAttributesResponse,
    ObjectName,
    ReadRequest,
    ReadResponse,
    VariableList,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.reference import Reference
from iec61850_model.values import FunctionalConstraint, OrCat

FC = FunctionalConstraint
LACKING = "the box has no such setting"
_OF_REFERENCE = {str(one): one for one in (*SETTINGS, *SET_POINTS)}


@dataclass(frozen=True, slots=True)
class Written:
    """What came of writing, by reference: empty if it is written, else why not. ``refused``: one of the
    reasons may go by itself. ``unanswered``: why the box gave no answer and the rest was not tried.
    """

    outcomes: dict[str, str]
    refused: bool
    unanswered: str


async def read_settings(exchange: Exchange, peer: str) -> dict[str, str | None]:
    """The settings of a box as texts, by reference; None: it has no such setting, or nobody set it.

    Raises ClientError.
    """
    names = [_name(one) for one in SETTINGS]
    for one in SET_POINTS:
        names += [_name(one.with_fc(FC.MX).child("mxVal")), _name(_holder(one))]
    answer = await exchange.confirmed(
        peer, ReadRequest(VariableList(tuple(names))), ReadResponse, "the settings"
    )
    if len(answer.results) != len(names):
        raise BadAnswer(f"{len(answer.results)} values where {len(names)} were asked for")
    results = iter(answer.results)
    found: dict[str, str | None] = {str(one): _text(one, next(results)) for one in SETTINGS}
    for one in SET_POINTS:
        value, holder = next(results), next(results)
        found[str(one)] = _text(one.with_fc(FC.MX), value) if _is_commanded(holder) else None
    return found


async def write_settings(exchange: Exchange, peer: str, kept: dict[str, str]) -> Written:
    """Write each of these, whatever becomes of the others, until one has no answer."""
    outcomes: dict[str, str] = {}
    refused = False
    for name, text in kept.items():
        try:
            outcomes[name] = ""
            await _write_one(exchange, peer, name, text)
        except NoSuchObject:
            outcomes[name] = LACKING
        except UnusableValue as error:
            outcomes[name] = str(error)
        except (NoAnswer, BadAnswer) as error:
            del outcomes[name]
            return Written(outcomes, refused, f"{name}: {error}")
        except ClientError as error:
            outcomes[name], refused = str(error), True
    return Written(outcomes, refused, "")


async def _write_one(exchange: Exchange, peer: str, name: str, text: str) -> None:
    reference = _OF_REFERENCE.get(name)
    if reference is None:
        raise UnusableValue("this hub keeps no such setting any more")
    try:
        data = value_in(text)
    except (xer.MalformedPdu, ValueError) as error:
        raise UnusableValue(f"what is kept of it is damaged: {error}") from None
    variable = _name(reference)
    if reference.fc is None:
        variable = _name(reference.with_fc(FC.CO).child("Oper"))
        asked = GetVariableAccessAttributesRequest(variable)
        described = await exchange.confirmed(peer, asked, GetVariableAccessAttributesResponse, name)
        command = Operation(_number(data), time.time(), 0, or_cat=OrCat.REMOTE_CONTROL, or_ident=OR_IDENT)
        data = oper_data(described.type, command)
    request = WriteRequest(VariableList((variable,)), (data,))
    answer = await exchange.confirmed(peer, request, WriteResponse, name)
    if len(answer.results) != 1:
        raise BadAnswer(f"{len(answer.results)} results where one was written")
    if answer.results[0] is not None:
        raise of_access(name, answer.results[0])


def _number(data: Data) -> object:
    """What an analogue set point is operated with: the one number in its structure."""
    match data.value:
        case (Data(value=int() | float() as number),):
            return number
    raise UnusableValue("what is kept of it is no set point")


def _text(reference: Reference, result: AccessResult) -> str | None:
    if isinstance(result, DataAccessError):
        return None
    text = as_text(_name(reference), result)
    return text if len(text) <= MAX_VALUE else None


def _is_commanded(holder: AccessResult) -> bool:
    return isinstance(holder, Data) and isinstance(holder.value, str) and holder.value.startswith(COMMANDED)


def _holder(of: Reference) -> Reference:
    return Reference(of.ld, of.ln, (HOLDER, "stVal"), FC.ST)


def _name(reference: Reference) -> ObjectName:
    return ObjectName(reference.item_id, reference.ld)
