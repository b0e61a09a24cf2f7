"""Temperatures from the kernel's 1-Wire files (Linux, Documentation/w1/slaves/w1_therm.rst).

Reading `<root>/<id>/w1_slave` makes the kernel start a conversion and wait for it, about 0.8 s a sensor
and one sensor after the other on a bus; so it happens in a thread. `w1_slave` is preferred to the newer
`temperature` file because it shows the raw octets and the result of the CRC.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from .base import Clock, Health, OutputError, Sample, failed, require_known

READ_LIMIT_S = 10.0
"""Seconds one `read` may take: a dozen sensors at 12 bits, each 0.75 s conversion (DS18B20 data sheet)."""
MIN_CELSIUS, MAX_CELSIUS = -55.0, 125.0
"""What a DS18B20 can measure (data sheet)."""
POWER_ON_MILLICELSIUS = 85_000
"""The DS18B20's scratchpad after power-up, before any conversion: never a measurement in a heating system."""
MAX_FILE_OCTETS = 4096
"""A sysfs attribute is at most one page; more than that is not the kernel's file."""

_CRC = re.compile(r"crc=[0-9a-f]{2} (YES|NO)$")
_MILLICELSIUS = re.compile(r"t=(-?\d{1,6})$")

SensorId = Annotated[str, Field(pattern=r"^[0-9a-f]{2}-[0-9a-f]{12}$")]


class OneWireOptions(BaseModel):
    """Options of driver `onewire`: where the kernel's files are and which sensor measures what."""

    model_config = ConfigDict(extra="forbid")

    root: Path = Path("/sys/bus/w1/devices")
    sensors: dict[str, SensorId] = Field(min_length=1)
    """Reading name -> sensor id as the kernel names its directory, for example 28-0316a2795bff."""


class OneWireDriver:
    """Reads DS18B20 and like sensors. A sensor that is late gives its last value as STALE."""

    def __init__(self, options: OneWireOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._thread: ThreadPoolExecutor | None = None
        self._pending: dict[str, asyncio.Future[Sample]] = {}
        self._last_good: dict[str, Sample] = {}

    async def start(self) -> None:
        # One thread: the kernel serialises the bus anyway, and a hung bus can then hold one thread only.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="onewire")

    async def stop(self) -> None:
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = None
        self._pending.clear()

    async def read(self, names: Sequence[str]) -> dict[str, Sample]:
        require_known("reading of driver onewire", names, self.readings())
        if self._thread is None:
            return failed(names, self._clock(), "driver onewire is not started")
        loop = asyncio.get_running_loop()
        for name in names:
            if name not in self._pending:
                self._pending[name] = loop.run_in_executor(self._thread, self._measure, name)
        if names:
            await asyncio.wait({self._pending[name] for name in names}, timeout=READ_LIMIT_S)
        return {name: self._collect(name) for name in names}

    async def write(self, output: str, value: bool | int | float) -> None:
        raise OutputError(f"{output}: driver onewire only measures, it has no outputs")

    def readings(self) -> frozenset[str]:
        return frozenset(self._options.sensors)

    def outputs(self) -> frozenset[str]:
        return frozenset()

    def _collect(self, name: str) -> Sample:
        pending = self._pending.get(name)
        if pending is not None and pending.done() and not pending.cancelled():
            del self._pending[name]
            sample = pending.result()
            if sample.health is Health.GOOD:
                self._last_good[name] = sample
            return sample
        reason = f"no answer from the 1-Wire bus within {READ_LIMIT_S:.0f} s"
        if (last := self._last_good.get(name)) is not None:
            return Sample(last.value, Health.STALE, last.time, reason)
        return Sample(None, Health.FAILED, self._clock(), reason)

    def _measure(self, name: str) -> Sample:
        """Runs in the thread: the kernel starts the conversion when the file is read."""
        directory = self._options.root / self._options.sensors[name]
        try:
            try:
                health, celsius, reason = _judge_w1_slave(_read_text(directory / "w1_slave"))
            except FileNotFoundError:
                health, celsius, reason = _judge_millicelsius(_read_text(directory / "temperature").strip())
        except (OSError, UnicodeError) as error:
            health, celsius, reason = Health.FAILED, None, f"{directory.name}: {error}"
        return Sample(celsius, health, self._clock(), reason)


def _read_text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(MAX_FILE_OCTETS).decode("ascii")


def _judge_w1_slave(text: str) -> tuple[Health, float | None, str]:
    lines = text.splitlines()
    crc = _CRC.search(lines[0]) if lines else None
    temperature = _MILLICELSIUS.search(lines[1]) if len(lines) > 1 else None
    if crc is None or temperature is None:
        return Health.FAILED, None, "w1_slave does not have its two lines with crc= and t="
    if crc[1] != "YES":
        return Health.FAILED, None, "CRC error on the 1-Wire bus"
    # A bus shorted to ground reads nine zeros, whose CRC is right: it must not show as 0 °C.
    if lines[0].split(" : ")[0].split() == ["00"] * 9:
        return Health.FAILED, None, "the 1-Wire bus is shorted: nine octets of zero"
    return _judge_millicelsius(temperature[1])


def _judge_millicelsius(text: str) -> tuple[Health, float | None, str]:
    try:
        millicelsius = int(text)
    except ValueError:
        return Health.FAILED, None, "the sensor gave no number"
    if millicelsius == POWER_ON_MILLICELSIUS:
        return Health.FAILED, None, "the sensor lost power: 85 °C is its value before a conversion"
    celsius = millicelsius / 1000
    if not MIN_CELSIUS <= celsius <= MAX_CELSIUS:
        return Health.OUT_OF_RANGE, None, f"{celsius} °C is outside {MIN_CELSIUS}..{MAX_CELSIUS} °C"
    return Health.GOOD, celsius, ""
