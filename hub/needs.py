"""What a request asks for: rights on places in the model (DESIGN section 4). What is not listed is denied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hub.names import named_list, variable
from hub.roster import Right
from hub.schedule_slots import SCHEDULE_DEVICE, is_command, is_setting, slot_of, start_in
from hub.wording import originator_of, time_of
from iec61850_model.mms.pdu import (
    CancelRequest,
    ConcludeRequest,
    ConfirmedRequest,
    Data,
    DefineNamedVariableListRequest,
    DeleteNamedVariableListRequest,
    GetNamedVariableListAttributesRequest,
    GetNameListRequest,
    GetVariableAccessAttributesRequest,
    InitiateRequest,
    ObjectClass,
    ObjectName,
    ObjectScope,
    Pdu,
    ReadJournalRequest,
    ReadRequest,
    UnknownService,
    VariableList,
    VariableListName,
    WriteRequest,
)
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.values import FunctionalConstraint, OrCat

FC = FunctionalConstraint
REPORT_BLOCKS = frozenset({FC.BR, FC.RP})
READABLE = frozenset({FC.ST, FC.MX, FC.CF, FC.DC, FC.EX, FC.SP, FC.SG, FC.LG}) | REPORT_BLOCKS
SETTABLE = frozenset({FC.SP, FC.CF, FC.SV, FC.BL, FC.SE, FC.LG})
CONTROLS = frozenset({"Oper", "SBOw", "Cancel"})
HISTORY_DEVICE = "HIST"
"""The logical device that the collector serves (DESIGN section 8): no box has one of this name."""
REMOTE_ORIGINATORS = frozenset({OrCat.REMOTE_CONTROL, OrCat.AUTOMATIC_REMOTE})
"""Who a provider may say he is: station, bay and maintenance are at the heat pump, and boxes obey them when
Loc or LocSta shuts out who is remote (7-4, Annex B)."""


_CHANGING = (WriteRequest, DefineNamedVariableListRequest, DeleteNamedVariableListRequest)


class Need(NamedTuple):
    """One thing a PDU asks for: a right on a reference, at a time if it is a command for later.

    ``reference`` None: not bound to a place in the model. ``partly``: a grant for something inside is enough,
    for directories tell what is there and not what it holds. ``unscoped``: a grant with a scope does not do.
    ``slot``: it is about the schedules of this slot, whose holder may also read them.
    """

    right: Right | None
    reference: Reference | None = None
    partly: bool = False
    at: float | None = None
    unscoped: bool = False
    slot: int = 0


class Unlisted(Exception):
    """The PDU asks for something no right lets through."""


def needs_of(pdu: Pdu) -> Sequence[Need]:
    """All that a request needs; raises Unlisted."""
    needs = _needs_of(pdu)
    if any(need.reference is not None and need.reference.ld == HISTORY_DEVICE for need in needs):
        return _history_needs(pdu, needs)
    return needs


def _history_needs(pdu: Pdu, needs: Sequence[Need]) -> Sequence[Need]:
    """The history is read by its own right, alone and not with anything that the box answers."""
    if isinstance(pdu, ConfirmedRequest) and isinstance(pdu.service, _CHANGING):
        raise Unlisted("the history is only read")
    found = [_history_need(need) for need in needs]
    if None in found:
        raise Unlisted(f"{HISTORY_DEVICE} is asked for alone: the collector answers it, the box all else")
    return [need for need in found if need is not None]


def _history_need(need: Need) -> Need | None:
    reference = need.reference
    if reference is None or reference.ld != HISTORY_DEVICE or need.right is not Right.READ:
        return None
    return Need(Right.HISTORY, reference, need.partly)


def _needs_of(pdu: Pdu) -> Sequence[Need]:
    match pdu:
        case ConfirmedRequest(_, ReadRequest(VariableList(names))):
            references = [_reference(name) for name in names]
            if len(references) > 1 and any(map(_selects, references)):
                raise Unlisted("a select stands alone in its read")
            return [_read_need(reference) for reference in references]
        case ConfirmedRequest(_, WriteRequest(VariableList(names), data)):
            if len(names) != len(data):
                raise Unlisted("a write with as many values as variables is wanted")
            pairs = zip(names, data, strict=True)
            return [need for name, value in pairs for need in _write_needs(_reference(name), value)]
        case InitiateRequest() | ConcludeRequest() | CancelRequest():
            return [Need(None)]
        case ConfirmedRequest(_, GetNameListRequest() as request):
            return [_name_list_need(request)]
        case ConfirmedRequest(_, GetVariableAccessAttributesRequest(name)):
            asked = _reference(name)
            return [Need(Right.READ, asked, partly=True, slot=slot_of(asked))]
        case ConfirmedRequest(
            _,
            ReadRequest(VariableListName(name))
            | GetNamedVariableListAttributesRequest(name)
            | ReadJournalRequest(name),
        ):
            return [_list_need(name)]
        case ConfirmedRequest(_, WriteRequest(VariableListName(name), _)):
            return [Need(Right.SETTINGS, _in_history(name), unscoped=True)]
        case ConfirmedRequest(_, DefineNamedVariableListRequest(name, members)):
            return [*_own_list_needs((name,)), *(_member_need(_reference(member)) for member in members)]
        case ConfirmedRequest(_, DeleteNamedVariableListRequest(names)):
            return _own_list_needs(names)
        case ConfirmedRequest(_, UnknownService(unknown)):
            raise Unlisted(f"no right lets the service {unknown!a:.40} through")
    raise Unlisted("no right lets this service through")


def _name_list_need(request: GetNameListRequest) -> Need:
    match request.object_class, request.scope:
        case (ObjectClass.DOMAIN, ObjectScope.VMD) | (ObjectClass.NAMED_VARIABLE_LIST, ObjectScope.AA):
            return Need(Right.READ)
        case (
            (ObjectClass.NAMED_VARIABLE | ObjectClass.NAMED_VARIABLE_LIST | ObjectClass.JOURNAL),
            ObjectScope.DOMAIN,
        ):
            try:
                return Need(Right.READ, Reference.from_mms(request.domain or ""), partly=True)
            except InvalidReference:
                raise Unlisted("not the name of a logical device") from None
    raise Unlisted("no right lets this directory through")


def _list_need(name: ObjectName) -> Need:
    """A data set or log passes a scope if its own name does; the members of an ``@`` one were judged when it
    was made."""
    if name.aa_specific:
        return Need(Right.READ)
    found = named_list(name.domain or "", name.item)
    if found is None:
        raise Unlisted("not the name of a data set or log in a logical device")
    return Need(Right.READ, found)


def _own_list_needs(names: Sequence[ObjectName]) -> list[Need]:
    """Who makes or deletes a data set that others see must be bound to no scope."""
    for name in names:
        _list_need(name)
    return [Need(Right.READ, _in_history(name), unscoped=not name.aa_specific) for name in names]


def _in_history(name: ObjectName) -> Reference | None:
    """Where a data set of the history is; None for one anywhere else, of which the right alone is asked."""
    return Reference(HISTORY_DEVICE) if name.domain == HISTORY_DEVICE else None


def _read_need(reference: Reference) -> Need:
    if reference.fc in READABLE:
        return Need(Right.READ, reference, slot=slot_of(reference))
    if _selects(reference):
        return _control_need(reference, None)
    raise Unlisted(f"no right lets reading {reference} through")


def _member_need(reference: Reference) -> Need:
    """Who writes a data set names none of its members: what must not be written so is kept out of it."""
    if reference.ld == SCHEDULE_DEVICE and reference.fc in SETTABLE:
        raise Unlisted("settings of schedules are no members of a data set, by which they could be written")
    return _read_need(reference)


def _selects(reference: Reference) -> bool:
    return reference.fc is FC.CO and reference.path[-1:] == ("SBO",)


def _write_needs(reference: Reference, data: Data) -> Iterator[Need]:
    if reference.fc in REPORT_BLOCKS:
        yield from _block_needs(reference, data)
    elif reference.fc is FC.CO and reference.path and reference.path[-1] in CONTROLS:
        or_cat = originator_of(data)
        if or_cat is not None and or_cat not in REMOTE_ORIGINATORS:
            raise Unlisted(f"who commands through the hub is remote: not of orCat {or_cat}")
        # A cancel repeats the operTm of the command it ends; it does nothing at that time.
        at = time_of(data) if reference.path[-1] != "Cancel" else None
        yield _control_need(reference, at.unix if at else None)
    elif reference.fc not in SETTABLE:
        raise Unlisted(f"no right lets writing {reference} through")
    elif reference.ld == SCHEDULE_DEVICE:
        yield _schedule_need(reference, start_in(reference, data), listed=is_setting(reference))
    else:
        yield Need(Right.SETTINGS, reference)


def _block_needs(reference: Reference, data: Data) -> Iterator[Need]:
    """Who may read may have it reported. A block whose data set is chosen tells what that holds."""
    yield Need(Right.READ, reference)
    if len(reference.path) != 2:
        yield Need(Right.READ, unscoped=True)
    elif reference.path[1] == "DatSet" and data.value != "":
        name = str(data.value)
        ld, _, item = name.partition("/")
        own = name.startswith("@")
        yield _list_need(ObjectName(name[1:], aa_specific=True) if own else ObjectName(item, ld))


def _control_need(reference: Reference, at: float | None) -> Need:
    if reference.ld == SCHEDULE_DEVICE:
        return _schedule_need(reference, at, listed=is_command(reference))
    return Need(Right.CONTROL, Reference(reference.ld, reference.ln, reference.path[:-1]), at=at)


def _schedule_need(reference: Reference, at: float | None, *, listed: bool) -> Need:
    """Only the right ``schedule`` changes anything in LD SCH, and only what its slot has."""
    slot = slot_of(reference)
    if not slot or not listed:
        raise Unlisted(f"no right lets changing {reference} through")
    return Need(Right.SCHEDULE, reference, at=at, slot=slot)


def _reference(name: ObjectName) -> Reference:
    if name.domain is None:
        raise Unlisted("only names in a logical device are let through")
    parsed = variable(name.domain, name.item)
    if parsed is None:
        raise Unlisted("not a reference")
    return parsed[0]
