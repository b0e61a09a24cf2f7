"""The words of schedules: states, reasons, kinds of value (7-4: FSCH, FSCC)."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass


class ScheduleState(enum.IntEnum):
    """ScheduleStateKind (7-4)."""

    NOT_READY = 1
    START_TIME_REQUIRED = 2
    READY = 3
    RUNNING = 4


ENABLED = frozenset({ScheduleState.READY, ScheduleState.RUNNING})
"""States in which no setting of the schedule may be written (tissue 1825)."""


class EnablingError(enum.IntEnum):
    """ScheduleEnablingErrorKind (7-4): why a schedule could not be enabled."""

    NONE = 1
    NUMBER = 2
    INTERVAL = 3
    VALUES = 4
    KIND = 5
    START_TIME = 6
    OTHER = 99


@dataclass(frozen=True, slots=True)
class Kind:
    """What a schedule schedules: the object of the value in force, the name of its entries, and the common
    data class of the controlled objects that take them."""

    value: str
    entry: str
    controlled: str


KINDS: Mapping[str, Kind] = {
    kind.value: kind
    for kind in (
        Kind("ValSPS", "ValSPG", "SPC"),
        Kind("ValINS", "ValING", "INC"),
        Kind("ValENS", "ValENG", "ENC"),
        Kind("ValMV", "ValASG", "APC"),
    )
}
"""By the object of the value in force; a node has exactly one of them."""
