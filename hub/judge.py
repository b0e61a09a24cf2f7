"""The decision: may this PDU pass under these grants? A pure function (DESIGN section 4).

What is not listed is denied. A PDU is judged whole: everything it touches must be covered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from hub.names import KNOWN_NAMES, variable
from hub.needs import Need, Unlisted, needs_of
from hub.roster import Grant, Right
from hub.wording import COMMAND_PARTS, STEERING, TEST, describe
from iec61850_model.mms.pdu import (
    ConfirmedRequest,
    Data,
    ObjectName,
    Pdu,
    ReadRequest,
    VariableList,
    WriteRequest,
)
from iec61850_model.reference import Reference
from iec61850_model.values import FunctionalConstraint


class Judgement(NamedTuple):
    """What the decision was, and for the audit what it was about."""

    allowed: bool
    service: str
    references: tuple[str, ...] = ()
    reason: str = ""
    detail: str = ""
    history: bool = False
    """It is for the collector, not for the box."""

    @property
    def steers(self) -> bool:
        """The request changes something in a box, so it goes into the audit."""
        return self.service in STEERING


_NO_SLOTS: Mapping[int, int] = MappingProxyType({})


def judge(pdu: Pdu, grants: Sequence[Grant], now: float, slots: Mapping[int, int] = _NO_SLOTS) -> Judgement:
    """Decide on a request of a provider that holds these live grants.

    ``slots``: by the grant's key, which instance of the schedules is ready for it.
    """
    try:
        service, references, detail, needs = _asked(pdu)
        if not needs:
            raise Unlisted("it asks for nothing")
    except Unlisted as unlisted:
        service, references, detail = describe(pdu)
        return Judgement(False, service, references, str(unlisted), detail)
    for need in needs:
        if not permitted(need, grants, now, slots):
            return Judgement(False, service, references, _reason(need), detail)
    return Judgement(True, service, references, "", detail, needs[0].right is Right.HISTORY)


KNOWN_COMMANDS = 256
"""Commands kept with what they ask for: who operates many heat pumps does the same to all. Each has at most
the 64 kB of its PDU."""

_Asked: TypeAlias = tuple[str, tuple[str, ...], str, Sequence[Need]]


def _asked(pdu: Pdu) -> _Asked:
    """What a request is called, names and needs; of the most frequent, to read one variable or operate one
    relay, it is known.

    Raises Unlisted.
    """
    match pdu:
        case ConfirmedRequest(
            _,
            WriteRequest(
                VariableList((ObjectName(item, str(domain), False),)),
                (Data("structure", (Data("boolean"), *_) as parts),),
            ),
        ) if TEST not in parts[1:] and _is_control(domain, item):
            return _asked_of_command(domain, item, parts[:COMMAND_PARTS])
        case ConfirmedRequest(_, ReadRequest(VariableList((ObjectName(item, str(domain), False),)))):
            return _asked_of_reading(domain, item)
    return (*describe(pdu), needs_of(pdu))


@lru_cache(maxsize=KNOWN_NAMES)
def _asked_of_reading(domain: str, item: str) -> _Asked:
    read = ConfirmedRequest(0, ReadRequest(VariableList((ObjectName(item, domain),))))
    return (*describe(read), needs_of(read))


@lru_cache(maxsize=KNOWN_COMMANDS)
def _asked_of_command(domain: str, item: str, parts: tuple[Data, ...]) -> _Asked:
    """The rest of its parts, its number and when it was given, are of no concern here."""
    command = WriteRequest(VariableList((ObjectName(item, domain),)), (Data("structure", parts),))
    operate = ConfirmedRequest(0, command)
    return (*describe(operate), needs_of(operate))


def _is_control(domain: str, item: str) -> bool:
    parsed = variable(domain, item)
    return parsed is not None and parsed[0].fc is FunctionalConstraint.CO


def permitted(need: Need, grants: Sequence[Grant], now: float, slots: Mapping[int, int] = _NO_SLOTS) -> bool:
    """One of these live grants covers the need."""
    return any(_covers(grant, need, now, slots.get(grant.key, 0)) for grant in grants)


def _covers(grant: Grant, need: Need, now: float, slot: int) -> bool:
    if not grant.live(now) or not _has_right(grant, need, slot):
        return False
    if need.at is not None and grant.until is not None and need.at >= grant.until:
        return False
    if not grant.scope:
        return True
    if need.unscoped:
        return False
    if need.reference is None:
        return True
    return any(covers(pattern, need.reference, partly=need.partly) for pattern in grant.scope)


def _has_right(grant: Grant, need: Need, slot: int) -> bool:
    """Schedules of another slot are another's, whatever rights the grant has; one's own may be read."""
    own = Right.SCHEDULE in grant.rights and slot != 0 and slot == need.slot
    if need.right is Right.SCHEDULE:
        return own
    return need.right is None or need.right in grant.rights or (need.right is Right.READ and own)


def covers(pattern: str, reference: Reference, *, partly: bool = False) -> bool:
    """A scope pattern (``*``, ``LD/*``, ``LD/LN.*``, ``LD/LN.DO``, ``LD/LN.DO.*``) covers a reference wholly.

    ``partly``: or something below the reference.
    """
    wanted = tuple(pattern.replace("/", ".", 1).split("."))
    if wanted[-1] == "*":
        wanted = wanted[:-1]
    asked = (reference.ld, reference.ln, *reference.path) if reference.ln else (reference.ld,)
    if asked[: len(wanted)] == wanted:
        return True
    return partly and wanted[: len(asked)] == asked


def _reason(need: Need) -> str:
    right = f"right {need.right}" if need.right else "grant"
    where = f" on {need.reference}" if need.reference else ""
    when = " until the commanded time" if need.at is not None else ""
    when += " with this slot ready" if need.right is Right.SCHEDULE else ""
    unscoped = " without a scope" if need.unscoped else ""
    return f"no {right}{unscoped}{where}{when}"
