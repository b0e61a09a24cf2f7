"""What the collector asks of a box, as the services of 7-2: few and small, by names that are fixed.

The definition of LLN0 is not asked for: every box has the same block, and 250,000 boxes come back at once.
"""

from __future__ import annotations

from hub.history.events import Ask, Associated, Block, Done, Failed, Members, Outcome, Request
from iec61850_model.client.errors import BadAnswer, ClientError, of_access
from iec61850_model.client.exchange import Exchange
from iec61850_model.client.report_control import data_set_name
from iec61850_model.mms.pdu import (
    AccessResult,
    Data,
    GetNamedVariableListAttributesRequest,
    GetNamedVariableListAttributesResponse,
    ObjectName,
    ReadRequest,
    ReadResponse,
    VariableList,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.values import FunctionalConstraint, OptFlds

BLOCK = Reference("AVG", "LLN0", ("brcbAvg01",), FunctionalConstraint.BR)
"""The block kept for the collector (DESIGN section 6)."""
_ATTRIBUTES = ("RptEna", "DatSet", "ConfRev", "OptFlds")


async def ask(exchange: Exchange, box: str, asked: Ask) -> Outcome:
    """Ask a box; whatever goes wrong is an outcome too."""
    try:
        match asked.request, asked.argument:
            case Request.ASSOCIATE, _:
                return Associated((await exchange.associate(box)).id)
            case ((Request.BLOCK | Request.CHECK), _):
                return await _read_block(exchange, box)
            case Request.MEMBERS, str(data_set):
                return await _read_members(exchange, box, data_set)
            case Request.ENTRY, bytes(entry):
                return await _write(exchange, box, "EntryID", Data("octet-string", entry))
            case Request.ENABLE, _:
                return await _write(exchange, box, "RptEna", Data("boolean", True))
            case Request.DISABLE, _:
                return await _write(exchange, box, "RptEna", Data("boolean", False))
            case Request.RELEASE, _:
                await exchange.release(box)
                return Done()
    except ClientError as error:
        return Failed(str(error))
    raise AssertionError(f"{asked} cannot be asked")


async def _read_block(exchange: Exchange, box: str) -> Outcome:
    names = tuple(_name(attribute) for attribute in _ATTRIBUTES)
    answer = await exchange.confirmed(box, ReadRequest(VariableList(names)), ReadResponse, str(BLOCK))
    if len(answer.results) != len(names):
        raise BadAnswer(f"{BLOCK}: {len(answer.results)} values where {len(names)} were asked for")
    match [_value(name, one) for name, one in zip(_ATTRIBUTES, answer.results, strict=True)]:
        case [bool(enabled), str(data_set), int(conf_rev), str(opt_flds)]:
            try:
                return Block(enabled, data_set, conf_rev, OptFlds.from_bits(opt_flds))
            except ValueError as error:
                raise BadAnswer(f"{BLOCK}: {error}") from None
    raise BadAnswer(f"{BLOCK}: attributes of other kinds than 7-2 says")


def _value(attribute: str, result: AccessResult) -> object:
    if isinstance(result, Data):
        return result.value
    raise of_access(str(BLOCK.child(attribute)), result)


async def _read_members(exchange: Exchange, box: str, data_set: str) -> Outcome:
    service = GetNamedVariableListAttributesRequest(data_set_name(data_set))
    answer = await exchange.confirmed(box, service, GetNamedVariableListAttributesResponse, data_set)
    try:
        return Members(tuple(Reference.from_mms(one.domain or "", one.item) for one in answer.variables))
    except InvalidReference as error:
        raise BadAnswer(f"a member of {data_set}: {error}") from None


async def _write(exchange: Exchange, box: str, attribute: str, data: Data) -> Outcome:
    request = WriteRequest(VariableList((_name(attribute),)), (data,))
    answer = await exchange.confirmed(box, request, WriteResponse, attribute)
    if len(answer.results) != 1:
        raise BadAnswer(f"{attribute}: {len(answer.results)} results where one was written")
    if answer.results[0] is not None:
        raise of_access(str(BLOCK.child(attribute)), answer.results[0])
    return Done()


def _name(attribute: str) -> ObjectName:
    return ObjectName(BLOCK.child(attribute).item_id, BLOCK.ld)
