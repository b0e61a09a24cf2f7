"""Whose schedule a reference in LD SCH is part of: each grant has instances of its own (DESIGN section 4).

Each controlled object of a box has four schedules, prefix + FSCH + 1..4. The instance is the slot: a grant
that holds slot 2 has SCH/EvuFSCH2, SCH/SgrFSCH2 and so on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from iec61850_model.mms.pdu import Data
from iec61850_model.reference import Reference
from iec61850_model.values import FunctionalConstraint, Timestamp

SCHEDULE_DEVICE = "SCH"
"""Logical device of the schedules."""
SLOTS = (1, 2, 3, 4)
"""Instances of each schedule in a box."""
COMMANDS = frozenset({"EnaReq", "DsaReq"})
"""Data objects of FSCH that are operated (7-4)."""
PRIORITY = "SchdPrio"
"""Written by operations alone: the grant says which schedule wins."""
START_TIME = "StrTm"

_SCHEDULE = re.compile(r"[A-Z][A-Za-z0-9]*FSCH([1-4])", re.ASCII)
_CONTROLLER = re.compile(r"([A-Z][A-Za-z0-9]*)FSCC[0-9]+", re.ASCII)


def slot_of_node(node: str) -> int:
    """The slot a logical node of LD SCH belongs to; 0 if it is no schedule of one."""
    found = _SCHEDULE.fullmatch(node)
    return int(found[1]) if found else 0


def schedule_of(controller: str, slot: int) -> str:
    """The schedule of a slot that belongs to a controller such as EvuFSCC1; empty if it is none."""
    found = _CONTROLLER.fullmatch(controller)
    return f"{found[1]}FSCH{slot}" if found else ""


def slot_of(reference: Reference) -> int:
    """The slot a reference belongs to; 0 if it belongs to none."""
    return slot_of_node(reference.ln) if reference.ld == SCHEDULE_DEVICE else 0


def is_setting(reference: Reference) -> bool:
    """A setting of a schedule that its holder may write: all but the priority, and each by its name."""
    return reference.fc is FunctionalConstraint.SP and reference.path[:1] not in ((), (PRIORITY,))


def is_command(reference: Reference) -> bool:
    """The control object of a command to a schedule, such as ``SCH/EvuFSCH2.EnaReq.Oper``."""
    return len(reference.path) == 2 and reference.path[0] in COMMANDS


def start_in(reference: Reference, data: Data) -> float | None:
    """The latest start time that a write sets, seconds since 1970 UTC; None if it sets none."""
    if not reference.path or not reference.path[0].startswith(START_TIME):
        return None
    return max((one.unix for one in _times(data) if not one.is_zero), default=None)


def _times(data: Data) -> Iterator[Timestamp]:
    """All times in a value: the codec has bounded how deep it is."""
    if isinstance(data.value, Timestamp):
        yield data.value
    elif isinstance(data.value, tuple):
        for part in data.value:
            if isinstance(part, Data):
                yield from _times(part)
