"""The box's hardware behind one interface: `make_driver` makes it, `Driver` is what it can do."""

from .base import (
    Clock,
    Driver,
    DriverConfigError,
    DriverError,
    DriverStartError,
    Health,
    OutputError,
    Sample,
    Value,
    require_known,
)
from .registry import kinds, make_driver

__all__ = [
    "Clock",
    "Driver",
    "DriverConfigError",
    "DriverError",
    "DriverStartError",
    "Health",
    "OutputError",
    "Sample",
    "Value",
    "kinds",
    "make_driver",
    "require_known",
]
