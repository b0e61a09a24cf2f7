"""What operations asks of a box, as the services of 7-2 (clauses 10 to 12 and 20)."""

from __future__ import annotations

from collections.abc import Sequence

from hub.operations.events import (
    Clear,
    Disable,
    Done,
    FindSchedules,
    Found,
    Outcome,
    ReadStates,
    Refused,
    Request,
    SetPriority,
    States,
    Unanswered,
    Withdraw,
)
from hub.operations.link import OperationsLink
from hub.schedule_slots import PRIORITY, SCHEDULE_DEVICE, START_TIME, schedule_of, slot_of_node
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
from iec61850_model.client.name_lists import all_names
from iec61850_model.mms.pdu import (
    AccessResult,
    Data,
    GetNamedVariableListAttributesRequest,
    GetNamedVariableListAttributesResponse,
    GetNameListRequest,
    GetNameListResponse,
    GetVariableAccessAttributesRequest,
    GetVariableAccessAttributesResponse,
    ObjectClass,
    ObjectName,
    ObjectScope,
    ReadRequest,
    ReadResponse,
    VariableList,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.values import NOW, OrCat, Timestamp

MAX_SCHEDULES = 64
"""Schedules of one slot: one for each controlled object of a box, which has some five."""
OR_IDENT = b"hub"
"""orIdent of what operations commands: who in a box's log ended a schedule."""
START_TIMES = 9
"""Start times that are looked at; a schedule of ours has seven."""
_CONTROLLERS = "LLN0$dsCtlEnt"
"""Data set that lists every FSCC with what it controls, in every box of ours."""
_NO_CALENDAR = 5
"""occType (7-3, OccurrenceKind): none, so there is no calendar."""


async def ask(link: OperationsLink, heat_pump: str, request: Request, now: float) -> Outcome:
    """Ask a box by its heat pump's id; whatever goes wrong is an outcome too."""
    peer = link.addresses.heat_pump(heat_pump)
    hub = Exchange(link.speaking_for())
    try:
        match request:
            case FindSchedules(slot):
                return Found(await _find(hub, peer, slot))
            case SetPriority(schedules, priority):
                names = [f"{one}$SP${PRIORITY}$setVal" for one in schedules]
                return await _write(hub, peer, names, [Data("integer", priority)] * len(names))
            case ReadStates(schedules):
                return await _read_states(hub, peer, schedules)
            case Disable(schedule, provider):
                return await _disable(Exchange(link.speaking_for(provider)), peer, schedule, now)
            case Clear(schedules):
                return await _clear(hub, peer, schedules)
            case Withdraw(provider):
                return await _withdraw(link, hub, peer, heat_pump, provider)
    except (NoAnswer, BadAnswer) as error:
        return Unanswered(str(error))
    except ClientError as error:
        return Refused(str(error))


async def _find(exchange: Exchange, peer: str, slot: int) -> tuple[str, ...]:
    """From the data set that lists all controllers, a few hundred octets; where there is none from all names
    of the logical device, which are thousands.
    """
    try:
        asked = GetNamedVariableListAttributesRequest(ObjectName(_CONTROLLERS, SCHEDULE_DEVICE))
        answer = await exchange.confirmed(
            peer, asked, GetNamedVariableListAttributesResponse, f"{SCHEDULE_DEVICE}/{_CONTROLLERS}"
        )
        controllers = [_node(one.item) for one in answer.variables if one.domain == SCHEDULE_DEVICE]
        nodes = [schedule_of(controller, slot) for controller in controllers]
    except NoSuchObject:
        wanted = GetNameListRequest(ObjectClass.NAMED_VARIABLE, ObjectScope.DOMAIN, SCHEDULE_DEVICE)
        try:
            nodes = [_node(name) for name in await all_names(exchange, peer, wanted)]
        except NoSuchObject:
            return ()  # there is no logical device of schedules
    found = dict.fromkeys(one for one in nodes if slot_of_node(one) == slot)
    return tuple(found)[:MAX_SCHEDULES]


def _node(item: str) -> str:
    return item.partition("$")[0]


async def _read_states(exchange: Exchange, peer: str, schedules: Sequence[str]) -> Outcome:
    names = [f"{one}$ST$SchdSt$stVal" for one in schedules]
    answer = await exchange.confirmed(peer, ReadRequest(_variables(names)), ReadResponse, "SchdSt")
    if len(answer.results) != len(schedules):
        raise BadAnswer(f"{len(answer.results)} states where {len(schedules)} were asked for")
    states: dict[str, int] = {}
    for one, result in zip(schedules, answer.results, strict=True):
        if isinstance(result, Data) and isinstance(result.value, int):
            states[one] = int(result.value)
    return States(states)


async def _disable(exchange: Exchange, peer: str, schedule: str, now: float) -> Outcome:
    oper = f"{schedule}$CO$DsaReq$Oper"
    asked = GetVariableAccessAttributesRequest(ObjectName(oper, SCHEDULE_DEVICE))
    described = await exchange.confirmed(peer, asked, GetVariableAccessAttributesResponse, oper)
    command = Operation(True, now, 0, or_cat=OrCat.REMOTE_CONTROL, or_ident=OR_IDENT)
    try:
        data = oper_data(described.type, command)
    except UnusableValue as error:
        raise BadAnswer(str(error)) from None
    return await _write(exchange, peer, [oper], [data])


async def _clear(exchange: Exchange, peer: str, schedules: Sequence[str]) -> Outcome:
    """Only what is set is written: that is little, and it stands in the audit."""
    outcome: Outcome = Done()
    for one in schedules:
        empty = {f"{one}$SP$NumEntr$setVal": Data("integer", 0)}
        for number in range(1, START_TIMES + 1):
            start = f"{one}$SP${START_TIME}{number}"
            empty[f"{start}$setTm"] = Data("utc-time", NOW)
            empty[f"{start}$setCal$occType"] = Data("integer", _NO_CALENDAR)
        answer = await exchange.confirmed(peer, ReadRequest(_variables(list(empty))), ReadResponse, one)
        found = dict(zip(empty, answer.results, strict=False))
        full = {name: value for name, value in empty.items() if _differs(found.get(name), value)}
        if full:
            written = await _write(exchange, peer, list(full), list(full.values()))
            outcome = outcome if isinstance(written, Done) else written
    return outcome


def _differs(there: AccessResult | None, empty: Data) -> bool:
    """It is there, and it is not empty; a time that is not set may have any quality."""
    if not isinstance(there, Data):
        return False
    if isinstance(there.value, Timestamp):
        return not there.value.is_zero
    return there.value != empty.value


async def _withdraw(
    link: OperationsLink, exchange: Exchange, peer: str, heat_pump: str, provider: str
) -> Outcome:
    """Presence is not answered; a request right behind it is, by a box that has taken the presence before."""
    key = link.tell_withdrawn(heat_pump, provider)
    try:
        devices = GetNameListRequest(ObjectClass.DOMAIN, ObjectScope.VMD)
        await exchange.confirmed(peer, devices, GetNameListResponse, "the logical devices")
    finally:
        bounced = link.bounced(key)
    return Unanswered("the router did not pass the withdrawal on") if bounced else Done()


async def _write(exchange: Exchange, peer: str, names: Sequence[str], values: Sequence[Data]) -> Outcome:
    request = WriteRequest(_variables(names), tuple(values))
    answer = await exchange.confirmed(peer, request, WriteResponse, names[0])
    if len(answer.results) != len(names):
        raise BadAnswer(f"{len(answer.results)} results where {len(names)} were written")
    for name, result in zip(names, answer.results, strict=True):
        if result is not None:
            return Refused(str(of_access(f"{SCHEDULE_DEVICE}/{name}", result)))
    return Done()


def _variables(names: Sequence[str]) -> VariableList:
    return VariableList(tuple(ObjectName(name, SCHEDULE_DEVICE) for name in names))
