"""From the `driver:` entries of the box configuration to drivers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from .base import Clock, Driver, DriverConfigError, require_known
from .gpio import GpioDriver, GpioOptions
from .modbus import ModbusDriver, ModbusOptions
from .onewire import OneWireDriver, OneWireOptions
from .simulated import SimulatedDriver, SimulatedOptions

OptionsT = TypeVar("OptionsT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class _Kind(Generic[OptionsT]):
    options: type[OptionsT]
    build: Callable[[OptionsT, Clock], Driver]

    def make(self, options: Mapping[str, Any], clock: Clock) -> Driver:
        return self.build(self.options.model_validate(dict(options)), clock)


_KINDS: dict[str, _Kind[Any]] = {
    "gpio": _Kind(GpioOptions, GpioDriver),
    "modbus": _Kind(ModbusOptions, ModbusDriver),
    "onewire": _Kind(OneWireOptions, OneWireDriver),
    "simulated": _Kind(SimulatedOptions, SimulatedDriver),
}


def kinds() -> frozenset[str]:
    """The kinds of driver this box can make."""
    return frozenset(_KINDS)


def make_driver(kind: str, options: Mapping[str, Any], clock: Clock) -> Driver:
    """Make a driver, not started yet, from its kind and its options as they stand in the configuration.

    Raises DriverConfigError that names the kind or the option and says what is wrong with it.
    """
    require_known("kind of driver", [kind], _KINDS)
    try:
        return _KINDS[kind].make(options, clock)
    except ValidationError as error:
        problems = "; ".join(
            f"option {'.'.join(str(part) for part in item['loc']) or '(all)'}: {item['msg']}"
            for item in error.errors(include_url=False, include_input=False)
        )
        raise DriverConfigError(f"driver {kind}: {problems}") from None
