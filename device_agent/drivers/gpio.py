"""Relays and contacts on the Raspberry Pi's own pins, through gpiozero.

gpiozero is imported when the driver starts, so that a box without pins does not need it.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .base import (
    Clock,
    DriverStartError,
    Health,
    OutputError,
    Sample,
    failed,
    require_known,
    require_switch_value,
)

if TYPE_CHECKING:
    from gpiozero import DigitalInputDevice, DigitalOutputDevice, Factory

Pin = Annotated[int, Field(ge=0, le=27)]
"""BCM number; 0 to 27 are on the header of every Raspberry Pi."""


class GpioOutput(BaseModel):
    """One relay: its pin, how it is driven, and the state it takes when the box starts or stops."""

    model_config = ConfigDict(extra="forbid")

    pin: Pin
    active_high: bool = True
    """False for the usual relay boards that switch on when the pin is low."""
    safe: bool = False


class GpioInput(BaseModel):
    """One potential-free contact."""

    model_config = ConfigDict(extra="forbid")

    pin: Pin
    pull_up: bool = True
    """True: contact between pin and ground, closed reads as on. False: between pin and 3.3 V."""


class GpioOptions(BaseModel):
    """Options of driver `gpio`."""

    model_config = ConfigDict(extra="forbid")

    outputs: dict[str, GpioOutput] = {}
    inputs: dict[str, GpioInput] = {}
    pin_factory: Literal["lgpio", "rpigpio", "native", "mock"] | None = None
    """How gpiozero reaches the pins; by default it tries lgpio, rpigpio and native itself."""

    @model_validator(mode="after")
    def _each_pin_once(self) -> Self:
        pins = [output.pin for output in self.outputs.values()]
        pins += [contact.pin for contact in self.inputs.values()]
        if not pins:
            raise ValueError("give at least one of outputs and inputs")
        if twice := sorted({pin for pin in pins if pins.count(pin) > 1}):
            raise ValueError(f"pin used twice: {', '.join(map(str, twice))}")
        return self


class GpioDriver:
    """The pins. They are local registers: reading and writing take microseconds and need no time limit."""

    def __init__(self, options: GpioOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self.factory: Factory | None = None
        """gpiozero's pin factory while started."""
        self._outputs: dict[str, DigitalOutputDevice] = {}
        self._inputs: dict[str, DigitalInputDevice] = {}

    async def start(self) -> None:
        """Take the pins, relays first in their safe state. Raises DriverStartError, saying what to do."""
        try:
            from gpiozero import DigitalInputDevice, DigitalOutputDevice, GPIOZeroError  # noqa: PLC0415 - lazy
        except ImportError as error:
            raise DriverStartError("driver gpio needs gpiozero: pip install 'heat-pump-hub[box]'") from error
        try:
            self.factory = _open_factory(self._options.pin_factory)
            for name, output in self._options.outputs.items():
                self._outputs[name] = DigitalOutputDevice(
                    output.pin,
                    active_high=output.active_high,
                    initial_value=output.safe,
                    pin_factory=self.factory,
                )
            for name, contact in self._options.inputs.items():
                self._inputs[name] = DigitalInputDevice(
                    contact.pin, pull_up=contact.pull_up, pin_factory=self.factory
                )
        except (GPIOZeroError, OSError, ImportError) as error:
            self._close()
            raise DriverStartError(
                f"driver gpio cannot use the pins of this machine: {error}; on a Raspberry Pi install lgpio "
                "and put the box's user in group gpio, elsewhere use driver simulated"
            ) from error

    async def stop(self) -> None:
        failures: list[str] = []
        for name in list(self._outputs):
            try:
                await self.write(name, self._options.outputs[name].safe)
            except OutputError as error:
                failures.append(str(error))
        self._close()
        if failures:
            raise OutputError(f"stopped without reaching the safe state: {'; '.join(failures)}")

    async def read(self, names: Sequence[str]) -> dict[str, Sample]:
        require_known("reading of driver gpio", names, self.readings())
        return {name: self._read_one(name) for name in names}

    async def write(self, output: str, value: bool | int | float) -> None:
        require_known("output of driver gpio", [output], self.outputs())
        on = require_switch_value(output, value)
        device = self._outputs.get(output)
        if device is None:
            raise OutputError(f"{output}: driver gpio is not started")
        try:
            device.value = on
            followed = bool(device.value) == on
        except Exception as error:  # a pin library's own errors have no common base
            raise OutputError(f"{output}: {error}") from error
        if not followed:
            raise OutputError(f"{output}: pin {self._options.outputs[output].pin} did not follow")

    def readings(self) -> frozenset[str]:
        return frozenset(self._options.inputs)

    def outputs(self) -> frozenset[str]:
        return frozenset(self._options.outputs)

    def _read_one(self, name: str) -> Sample:
        time = self._clock()
        device = self._inputs.get(name)
        if device is None:
            return failed([name], time, "driver gpio is not started")[name]
        try:
            return Sample(bool(device.value), Health.GOOD, time)
        except Exception as error:  # a pin library's own errors have no common base
            return failed([name], time, str(error))[name]

    def _close(self) -> None:
        for device in (*self._outputs.values(), *self._inputs.values()):
            device.close()
        self._outputs.clear()
        self._inputs.clear()
        # The default factory belongs to the process: another gpio driver may be using it.
        if self.factory is not None and self._options.pin_factory is not None:
            self.factory.close()
        self.factory = None


def _open_factory(name: str | None) -> Factory:
    from gpiozero import BadPinFactory, Device  # noqa: PLC0415 - lazy, see the module's docstring

    if name is None:
        Device.ensure_pin_factory()
        return Device.pin_factory
    for entry in entry_points(group="gpiozero_pin_factories", name=name):
        return entry.load()()
    raise BadPinFactory(f"gpiozero has no pin factory {name!r}")
