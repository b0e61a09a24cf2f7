"""Meters and relay boards over Modbus TCP (MODBUS Application Protocol V1.1b3).

Meters are read by a register map from `modbus_maps`; relays are coils (function codes 01 and 05) and
feedback contacts discrete inputs (02). The connection is opened when it is first needed and again, with
growing pauses, after it was lost: a meter that is away costs no waiting, its samples are FAILED at once.
"""

from __future__ import annotations

import asyncio
import math
import struct
from collections.abc import Awaitable, Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ModbusPDU

from .base import (
    Clock,
    DriverError,
    Health,
    OutputError,
    Sample,
    failed,
    require_known,
    require_switch_value,
)
from .modbus_maps import FLOAT32_REGISTERS, MAPS, Float32, MeterMap, requests_for

READ_LIMIT_S = 15.0
"""Seconds one `read` may take in all, whatever the meter does."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
"""Seconds between attempts to connect: doubled after each failure, so that a dead meter is left in peace,
but never so long that a repaired one is missed for more than half a minute."""

Address = Annotated[int, Field(ge=0, le=0xFFFF)]


class ModbusOptions(BaseModel):
    """Options of driver `modbus`: where it is and what it has."""

    model_config = ConfigDict(extra="forbid")

    host: str = Field(min_length=1)
    port: int = Field(default=502, ge=1, le=65535)
    unit: int = Field(default=1, ge=1, le=247)
    """The Modbus unit (server) address."""
    timeout: float = Field(default=2.0, gt=0, le=5)
    """Seconds to wait for a connection and for each answer."""
    map: Literal["eastron-sdm630"] | None = None
    """The meter's register map; none for a mere relay board."""
    outputs: dict[str, Address] = {}
    """Output name -> coil address."""
    inputs: dict[str, Address] = {}
    """Reading name -> discrete input address."""

    @model_validator(mode="after")
    def _has_something(self) -> Self:
        if self.map is None and not self.outputs and not self.inputs:
            raise ValueError("give at least one of map, outputs and inputs")
        if clash := set(self.inputs) & set(MAPS[self.map].registers if self.map else ()):
            raise ValueError(f"inputs name readings the meter has already: {', '.join(sorted(clash))}")
        return self


class _BusError(DriverError):
    """No usable answer; the message is the reason given with the samples."""


class ModbusDriver:
    """One Modbus TCP server. Requests go one at a time; a write is checked by reading the coil back."""

    def __init__(self, options: ModbusOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._meter: MeterMap | None = MAPS[options.map] if options.map else None
        self._client: AsyncModbusTcpClient | None = None
        self._lock = asyncio.Lock()
        self._running = False
        self._pause_s = FIRST_PAUSE_S
        self._next_attempt = -math.inf

    async def start(self) -> None:
        self._running = True

    async def stop(self) -> None:
        self._running = False
        self._disconnect()

    async def read(self, names: Sequence[str]) -> dict[str, Sample]:
        require_known("reading of driver modbus", names, self.readings())
        samples: dict[str, Sample] = {}
        reason = ""
        try:
            async with self._lock, asyncio.timeout(READ_LIMIT_S):
                await self._connect(patient=True)
                await self._read_meter([name for name in names if name not in self._options.inputs], samples)
                await self._read_inputs([name for name in names if name in self._options.inputs], samples)
        except TimeoutError:
            self._disconnect()
            reason = f"{self._where} gave no complete answer within {READ_LIMIT_S:.0f} s"
        except _BusError as error:
            reason = str(error)
        return samples | failed([name for name in names if name not in samples], self._clock(), reason)

    async def write(self, output: str, value: bool | int | float) -> None:
        require_known("output of driver modbus", [output], self.outputs())
        on = require_switch_value(output, value)
        coil, unit = self._options.outputs[output], self._options.unit
        try:
            async with self._lock:
                client = await self._connect(patient=False)
                await self._ask(client.write_coil(coil, on, device_id=unit))
                answer = await self._ask(client.read_coils(coil, count=1, device_id=unit))
        except _BusError as error:
            raise OutputError(f"{output}: not certain that it was switched: {error}") from error
        if bool(answer.bits[0]) != on:
            raise OutputError(f"{output}: coil {coil} of {self._where} did not follow")

    def readings(self) -> frozenset[str]:
        return frozenset(self._options.inputs) | frozenset(self._meter.registers if self._meter else ())

    def outputs(self) -> frozenset[str]:
        return frozenset(self._options.outputs)

    @property
    def _where(self) -> str:
        return f"Modbus {self._options.host}:{self._options.port} unit {self._options.unit}"

    async def _connect(self, *, patient: bool) -> AsyncModbusTcpClient:
        """The open connection. A patient caller (reading) waits for the end of the pause after a failure;
        an impatient one (switching, which is rare) tries now."""
        if not self._running:
            raise _BusError("driver modbus is not started")
        if self._client is not None and self._client.connected:
            return self._client
        self._disconnect()
        now = asyncio.get_running_loop().time()
        if patient and now < self._next_attempt:
            raise _BusError(
                f"{self._where} is not reachable, next attempt in {self._next_attempt - now:.1f} s"
            )
        # Its own reconnecting is off (delay 0): it does not cover a first connection that fails.
        client = AsyncModbusTcpClient(
            self._options.host,
            port=self._options.port,
            timeout=self._options.timeout,
            retries=0,
            reconnect_delay=0,
        )
        if not await client.connect():
            client.close()
            self._back_off()
            raise _BusError(f"{self._where} does not accept a connection")
        self._client = client
        return client

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _back_off(self) -> None:
        self._next_attempt = asyncio.get_running_loop().time() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    async def _ask(self, request: Awaitable[ModbusPDU]) -> ModbusPDU:
        try:
            answer = await request
        except ModbusException as error:
            # Closed, so that a late answer cannot be taken for that of the next request.
            self._disconnect()
            self._back_off()
            raise _BusError(f"{self._where} does not answer") from error
        self._pause_s = FIRST_PAUSE_S
        if answer.isError():
            raise _BusError(f"{self._where} refuses: exception code {answer.exception_code}")
        return answer

    async def _read_meter(self, names: Sequence[str], samples: dict[str, Sample]) -> None:
        if self._meter is None:
            return
        for address, count in requests_for(self._meter, names):
            client = await self._connect(patient=True)
            answer = await self._ask(
                client.read_input_registers(address, count=count, device_id=self._options.unit)
            )
            if len(answer.registers) != count:
                raise _BusError(f"{self._where} sent {len(answer.registers)} registers instead of {count}")
            time = self._clock()
            for name in names:
                register = self._meter.registers[name]
                if address <= register.address < address + count:
                    offset = register.address - address
                    words = answer.registers[offset : offset + FLOAT32_REGISTERS]
                    samples[name] = _judge(register, words, time)

    async def _read_inputs(self, names: Sequence[str], samples: dict[str, Sample]) -> None:
        if not names:
            return
        addresses = self._options.inputs
        for name in names:
            client = await self._connect(patient=True)
            answer = await self._ask(
                client.read_discrete_inputs(addresses[name], count=1, device_id=self._options.unit)
            )
            samples[name] = Sample(bool(answer.bits[0]), Health.GOOD, self._clock())


def _judge(register: Float32, words: Sequence[int], time: float) -> Sample:
    (raw,) = struct.unpack(">f", struct.pack(">HH", *words))
    value = raw * register.scale
    if not math.isfinite(value):
        return Sample(None, Health.FAILED, time, "the meter sent no number")
    if not register.low <= value <= register.high:
        return Sample(None, Health.OUT_OF_RANGE, time, f"{value} is outside {register.low}..{register.high}")
    return Sample(value, Health.GOOD, time)
