"""What every kind of hardware looks like to the rest of the box.

A driver measures named readings and sets named outputs. It knows nothing of IEC 61850: the binding in
`device_agent.points` turns a `Sample` into value, quality and time. Real hardware and the simulated house
stand behind the same `Driver`, so nothing above can tell them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

Value = float | bool | int | None
Clock = Callable[[], float]
"""Gives UTC seconds since 1970-01-01; passed in, so that tests can set the time."""


class Health(Enum):
    """How far a sample can be trusted."""

    GOOD = "good"
    FAILED = "failed"
    """The sensor or its bus gave no usable answer; the value is None."""
    OUT_OF_RANGE = "out of range"
    """The answer is a number this sensor cannot truthfully give; the value is None."""
    STALE = "stale"
    """The bus is late: the value is the last good one and `time` says when it was measured."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured value. `value` is None exactly when it is not known: missing is never zero."""

    value: Value
    health: Health
    time: float
    """UTC seconds at which the value was measured, or at which measuring it failed."""
    reason: str = ""
    """Why the health is not GOOD, for the log; empty when it is."""


class DriverError(Exception):
    """Anything a driver refuses or could not do."""


class DriverConfigError(DriverError):
    """The box configuration asks for something this driver does not have; the message says what it has."""


class DriverStartError(DriverError):
    """The hardware cannot be opened on this machine; the message says what to do."""


class OutputError(DriverError):
    """The output was not set, or it is not certain that it was."""


class Driver(Protocol):
    """One piece of hardware: a bus, a meter, a set of pins, or a simulated house."""

    async def start(self) -> None:
        """Open the hardware and put outputs that have a safe state into it.

        A bus that does not answer yet is no error: its samples are FAILED until it does.
        Raises DriverStartError when waiting cannot help.
        """

    async def stop(self) -> None:
        """Put outputs that have a safe state into it and release the hardware. Harmless when not started.

        Raises OutputError, after releasing everything, when a safe state was not reached.
        """

    async def read(self, names: Sequence[str]) -> dict[str, Sample]:
        """Measure the named readings; one sample for each name, always, within the driver's time limit.

        Never raises for a fault of the hardware. Raises DriverConfigError for a name not in `readings()`.
        """

    async def write(self, output: str, value: bool | int | float) -> None:
        """Set one output; returning means it is set. Raises OutputError when that is not certain,
        DriverConfigError for a name not in `outputs()`."""

    def readings(self) -> frozenset[str]:
        """The names `read` knows."""

    def outputs(self) -> frozenset[str]:
        """The names `write` knows."""


def require_known(what: str, asked: Iterable[str], known: Collection[str]) -> None:
    """Raise DriverConfigError naming every unknown name and the valid ones.

    `what` says whose names they are, for example "reading of driver meter".
    """
    unknown = sorted(set(asked) - set(known))
    if unknown:
        valid = ", ".join(sorted(known)) or "none"
        raise DriverConfigError(f"unknown {what}: {', '.join(unknown)}; valid names: {valid}")


def failed(names: Iterable[str], time: float, reason: str) -> dict[str, Sample]:
    """A FAILED sample for each name."""
    return {name: Sample(None, Health.FAILED, time, reason) for name in names}


def require_switch_value(output: str, value: bool | int | float) -> bool:
    """The value as on or off. Raises OutputError for anything but a bool, 0 or 1."""
    if value not in (0, 1):
        raise OutputError(f"{output}: a relay takes on or off, not {value!r}")
    return bool(value)
