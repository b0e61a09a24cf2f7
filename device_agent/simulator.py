"""A house for a box with real interfaces: electricity meter and relay on Modbus TCP, sensors as 1-Wire files.

`python -m device_agent.simulator --modbus-port 0 --onewire-dir DIR` runs a house in real time, prints one
line of JSON saying where it can be reached, and ends on SIGTERM or SIGINT. What it serves:

- input registers: the map of `modbus_maps.EASTRON_SDM630`, computed afresh for each request;
- coil 0: the relay on the heat pump's EVU terminals;
- discrete inputs 0..3: EVU contact, compressor, defrost, hot-water mode;
- `DIR/28-<12 hex digits>/w1_slave`: temperatures in the kernel's format, replaced atomically each second.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import struct
import sys
import time
from pathlib import Path

import click
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from .drivers.modbus_maps import EASTRON_SDM630, FLOAT32_REGISTERS
from .drivers.simulated import SimulatedDriver, SimulatedOptions
from .heat_pump import Source
from .weather import Season

LOOPBACK = "127.0.0.1"
UNIT = 1
EVU_COIL = 0
DISCRETE_INPUTS = ("evu_contact", "compressor", "defrost", "dhw_mode")
"""Readings served as discrete inputs, from address 0 on."""
ONEWIRE_PERIOD_S = 1.0
"""Seconds between new 1-Wire files: about what a conversion takes on the real bus."""
ONEWIRE_READINGS = (
    "forward_temperature",
    "return_temperature",
    "buffer_top_temperature",
    "buffer_bottom_temperature",
    "dhw_temperature",
    "outdoor_temperature",
    "room_temperature",
)
METER_REGISTERS = 80
"""Input registers 0..79 exist, those the map does not name as zero, like the reserved ones of the meter."""

_READ_DISCRETE_INPUTS, _READ_INPUT_REGISTERS = 2, 4
_WRITE_COIL, _WRITE_COILS = 5, 15


def sensor_id(seed: int, reading: str) -> str:
    """The 1-Wire id of a sensor of a house: family 28 (DS18B20) and a serial that stays the same."""
    return f"28-{hashlib.sha256(f'{seed}/{reading}'.encode()).hexdigest()[:12]}"


def w1_slave_text(celsius: float) -> str:
    """The two lines the kernel shows for a DS18B20 at 12 bits that measured this temperature."""
    sixteenths = round(celsius * 16)
    scratchpad = struct.pack("<h", sixteenths) + bytes([0x4B, 0x46, 0x7F, 0xFF, 0x0C, 0x10])
    crc = _dallas_crc(scratchpad)
    octets = " ".join(f"{octet:02x}" for octet in (*scratchpad, crc))
    millicelsius = int(sixteenths * 1000 / 16)
    return f"{octets} : crc={crc:02x} YES\n{octets} t={millicelsius}\n"


def _dallas_crc(octets: bytes) -> int:
    """CRC-8 of 1-Wire devices: x^8 + x^5 + x^4 + 1, least significant bit first."""
    crc = 0
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ 0x8C if crc & 1 else crc >> 1
    return crc


class Simulator:
    """The house behind real interfaces. It lives in the running event loop from `start` to `stop`."""

    def __init__(self, options: SimulatedOptions, modbus_port: int, onewire_dir: Path) -> None:
        """`modbus_port` 0 takes a free one."""
        self._house = SimulatedDriver(options, time.time)
        self._seed = options.seed
        self._modbus_port = modbus_port
        self._onewire_dir = onewire_dir
        self._server: ModbusTcpServer | None = None

    async def start(self) -> None:
        """Start the house, write the first sensor files, serve Modbus. Raises RuntimeError, OSError."""
        await self._house.start()
        await self.write_sensors()
        self._server = ModbusTcpServer(self._device(), address=(LOOPBACK, self._modbus_port))
        await self._server.serve_forever(background=True)
        transport = self._server.transport
        assert isinstance(transport, asyncio.Server)
        self._modbus_port = transport.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._house.stop()

    @property
    def modbus_port(self) -> int:
        """The TCP port on 127.0.0.1, once started."""
        return self._modbus_port

    @property
    def sensors(self) -> dict[str, str]:
        """Reading name -> 1-Wire sensor id."""
        return {name: sensor_id(self._seed, name) for name in ONEWIRE_READINGS}

    async def write_sensors(self) -> None:
        """Write the sensor files as of now."""
        samples = await self._house.read(ONEWIRE_READINGS)
        for name, identity in self.sensors.items():
            celsius = samples[name].value
            assert celsius is not None
            directory = self._onewire_dir / identity
            directory.mkdir(parents=True, exist_ok=True)
            fresh = directory / "w1_slave.new"
            fresh.write_text(w1_slave_text(celsius), "ascii")
            fresh.replace(directory / "w1_slave")

    async def run(self) -> None:
        """Keep the sensor files fresh until cancelled."""
        while True:
            await asyncio.sleep(ONEWIRE_PERIOD_S)
            await self.write_sensors()

    def _device(self) -> SimDevice:
        coils = [SimData(EVU_COIL, values=[False] * 16, datatype=DataType.BITS)]
        inputs = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
        holding = [SimData(0, values=0, datatype=DataType.REGISTERS, readonly=True)]
        meter = [SimData(0, values=[0] * METER_REGISTERS, datatype=DataType.REGISTERS)]
        return SimDevice(UNIT, simdata=(coils, inputs, holding, meter), action=self._on_request)

    async def _on_request(
        self,
        function: int,
        _start: int,
        address: int,
        _count: int,
        registers: list[int],
        written: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        if function == _READ_INPUT_REGISTERS:
            registers[:METER_REGISTERS] = await self._meter_registers()
        elif function == _READ_DISCRETE_INPUTS:
            samples = await self._house.read(DISCRETE_INPUTS)
            registers[0] = sum(bool(samples[name].value) << bit for bit, name in enumerate(DISCRETE_INPUTS))
        elif function in (_WRITE_COIL, _WRITE_COILS) and written is not None:
            if address != EVU_COIL or len(written) != 1:
                return ExcCodes.ILLEGAL_ADDRESS
            await self._house.write("evu_block", bool(written[0]))
        return None

    async def _meter_registers(self) -> list[int]:
        registers = [0] * METER_REGISTERS
        known = self._house.readings()
        samples = await self._house.read([name for name in EASTRON_SDM630.registers if name in known])
        for name, sample in samples.items():
            register = EASTRON_SDM630.registers[name]
            assert sample.value is not None
            words = struct.unpack(">HH", struct.pack(">f", sample.value / register.scale))
            registers[register.address : register.address + FLOAT32_REGISTERS] = words
        return registers


async def _serve(simulator: Simulator) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await simulator.start()
    click.echo(json.dumps({"modbus_port": simulator.modbus_port, "sensors": simulator.sensors}))
    sys.stdout.flush()
    running = asyncio.create_task(simulator.run())
    waiting = asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
    finally:
        running.cancel()
        waiting.cancel()
        await simulator.stop()


@click.command()
@click.option(
    "--modbus-port", type=click.IntRange(0, 65535), required=True, help="TCP port; 0 takes a free one."
)
@click.option("--onewire-dir", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--speed", type=click.FloatRange(0.01, 3600), default=1.0, help="House seconds a second.")
@click.option("--seed", type=int, default=1, help="Another seed is another house.")
@click.option("--season", type=click.Choice([season.value for season in Season]), default="calendar")
@click.option("--source", type=click.Choice([source.value for source in Source]), default="air")
@click.option("--min-run", type=click.FloatRange(0, 3600), default=300.0, help="Seconds.")
@click.option("--min-pause", type=click.FloatRange(0, 3600), default=300.0, help="Seconds.")
def main(modbus_port: int, onewire_dir: Path, **house: float | str) -> None:
    """Run a simulated house behind real interfaces until SIGTERM."""
    simulator = Simulator(SimulatedOptions.model_validate(house), modbus_port, onewire_dir)
    try:
        asyncio.run(_serve(simulator))
    except (OSError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
