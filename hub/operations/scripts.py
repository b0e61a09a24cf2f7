"""What is done in a box when a grant to steer begins, and when it has ended: step by step, I/O-free.

A script yields what it asks and is sent what came of it; it returns the trouble it met, empty if there was
none. Each can be begun anew at any time, for all it does may be done twice: so nothing but "pending" and
"ending" need be kept of how far it is.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

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
    Withdraw,
)
from hub.registry import OpenSteering, SteeringState
from hub.roster import Right

Script: TypeAlias = Generator[Request, Outcome, str]
_T = TypeVar("_T")

NOT_READY = 1
"""SchdSt (7-4, ScheduleStateKind): it drives nothing and will not by itself."""
AT_REST = frozenset({NOT_READY, 2})
"""Not ready, or start time required."""
NO_SCHEDULES = "the box has no schedules of this slot"


def script_of(job: OpenSteering) -> Script:
    """What is to be done for a job."""
    return _prepare(job) if job.state is SteeringState.PENDING else _withdraw(job)


def _prepare(job: OpenSteering) -> Script:
    """The schedules of the slot are given the grant's priority; when the box has confirmed it is ready.

    They are at rest, or the box would not take it: what somebody enabled in the house is disabled.
    """
    assert job.slot is not None
    assert job.priority is not None
    found = yield FindSchedules(job.slot)
    if not isinstance(found, Found):
        return _trouble(found)
    if not found.schedules:
        return NO_SCHEDULES
    troubles = yield from _disable(found.schedules, "")
    if troubles:
        return "; ".join(troubles)
    return _trouble((yield SetPriority(found.schedules, job.priority)))


def _withdraw(job: OpenSteering) -> Script:
    """Schedules are disabled first, for they drive the house; then what waits for its time is ended."""
    troubles: list[str] = []
    schedules: tuple[str, ...] = ()
    if job.slot is not None:
        found = yield FindSchedules(job.slot)
        if isinstance(found, Found):
            schedules = found.schedules
        else:
            troubles.append(_trouble(found))
    if schedules:
        troubles += yield from _disable(schedules, job.provider)
    if Right.CONTROL in job.rights:
        troubles.append(_trouble((yield Withdraw(job.provider))))
    if schedules and not any(troubles):
        # What a box does not let clear its next holder overwrites: no reason to keep him waiting.
        yield Clear(schedules)
    return "; ".join(filter(None, troubles))


def _disable(schedules: tuple[str, ...], provider: str) -> Generator[Request, Outcome, list[str]]:
    troubles: list[str] = []
    before = yield ReadStates(schedules)
    if not isinstance(before, States):
        return [_trouble(before)]
    active = tuple(one for one in schedules if before.by_node.get(one) not in AT_REST)
    if not active:
        return []
    for one in active:
        refused = _trouble((yield Disable(one, provider)))
        if refused:
            troubles.append(f"{one}: {refused}")
    after = yield ReadStates(active)
    if not isinstance(after, States):
        return [*troubles, _trouble(after)]
    left = [one for one in active if after.by_node.get(one) not in AT_REST]
    return [*troubles, f"{', '.join(left)} still enabled"] if left else []


def _trouble(outcome: Outcome) -> str:
    match outcome:
        case Done():
            return ""
        case Refused(reason):
            return reason
    return "the box answered something else than was asked"
