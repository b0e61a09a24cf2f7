"""The Modbus driver against real TCP servers: the simulator's meter, and meters that misbehave."""

import asyncio
import json
import math
import os
import signal
import struct
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from device_agent.drivers import Health, OutputError, Sample, make_driver, modbus
from device_agent.drivers.modbus import ModbusDriver
from device_agent.drivers.modbus_maps import EASTRON_SDM630, MAPS, requests_for
from device_agent.drivers.simulated import SimulatedOptions
from device_agent.simulator import DISCRETE_INPUTS, ONEWIRE_READINGS, Simulator, _dallas_crc, w1_slave_text

NOW = 1_700_000_000.0
METER = sorted(EASTRON_SDM630.registers)
BOARD: dict[str, Any] = {
    "outputs": {"evu_block": 0},
    "inputs": {name: address for address, name in enumerate(DISCRETE_INPUTS)},
}


def make(port: int, **options: Any) -> ModbusDriver:
    given = {"host": "127.0.0.1", "port": port, "timeout": 1, "map": "eastron-sdm630", **options}
    driver = make_driver("modbus", given, lambda: NOW)
    assert isinstance(driver, ModbusDriver)
    return driver


async def value(driver: ModbusDriver, name: str) -> Any:
    return (await driver.read([name]))[name].value


async def until(driver: ModbusDriver, name: str, health: Health) -> Sample:
    for _ in range(200):
        sample = (await driver.read([name]))[name]
        if sample.health is health:
            return sample
        await asyncio.sleep(0.05)
    raise AssertionError(f"{name} never became {health}: {sample}")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Simulator]:
    simulator = Simulator(SimulatedOptions(season="winter", speed=60, min_pause=3), 0, tmp_path)
    await simulator.start()
    yield simulator
    await simulator.stop()


@pytest.fixture
async def driver(house: Simulator) -> AsyncIterator[ModbusDriver]:
    driver = make(house.modbus_port, **BOARD)
    await driver.start()
    yield driver
    await driver.stop()


async def test_the_meter_shows_the_house(driver: ModbusDriver) -> None:
    await asyncio.sleep(0.1)
    samples = await driver.read(sorted(driver.readings()))
    assert samples.keys() == driver.readings() == set(METER) | set(DISCRETE_INPUTS)
    assert {sample.health for sample in samples.values()} == {Health.GOOD}
    assert {sample.time for sample in samples.values()} == {NOW}
    shown = {name: sample.value for name, sample in samples.items()}
    assert shown["compressor"] is True
    assert shown["power"] > 1000
    assert 215 < shown["voltage_1"] < 245
    assert 49.9 < shown["frequency"] < 50.1
    assert shown["energy"] > 0
    assert shown["energy_exported"] == 0
    apparent = sum(shown[f"voltage_{phase}"] * shown[f"current_{phase}"] for phase in (1, 2, 3))
    assert shown["power"] == pytest.approx(apparent * shown["power_factor"], rel=0.02)


async def test_the_evu_coil_stops_the_compressor_and_lets_it_go_again(driver: ModbusDriver) -> None:
    await asyncio.sleep(0.1)
    assert await value(driver, "power") > 1000
    await driver.write("evu_block", True)
    assert await value(driver, "evu_contact") is True
    assert await value(driver, "compressor") is False
    assert await value(driver, "power") < 60
    await driver.write("evu_block", False)
    await asyncio.sleep(0.2)
    assert await value(driver, "evu_contact") is False
    assert await value(driver, "compressor") is True


async def test_a_coil_the_board_does_not_have_is_an_error(house: Simulator) -> None:
    driver = make(house.modbus_port, outputs={"relay_1": 7, "relay_2": 4000})
    await driver.start()
    for output in ("relay_1", "relay_2"):
        with pytest.raises(OutputError, match="refuses: exception code 2"):
            await driver.write(output, True)
    await driver.stop()


async def test_a_killed_meter_fails_at_once_and_recovers_by_itself(
    house: Simulator, driver: ModbusDriver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modbus, "LONGEST_PAUSE_S", 0.5)
    assert await value(driver, "power") is not None
    port = house.modbus_port
    await house.stop()
    samples = await driver.read(METER)
    assert {(sample.value, sample.health) for sample in samples.values()} == {(None, Health.FAILED)}
    assert f"127.0.0.1:{port}" in samples["power"].reason
    with pytest.raises(OutputError, match="not certain"):
        await driver.write("evu_block", True)
    again = Simulator(SimulatedOptions(season="winter", min_pause=3), port, tmp_path)
    await again.start()
    try:
        assert (await until(driver, "power", Health.GOOD)).value is not None
        await driver.write("evu_block", True)
        assert await value(driver, "evu_contact") is True
    finally:
        await again.stop()


async def test_a_dead_meter_is_left_in_peace_for_longer_and_longer(
    unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Switching tries at once, whatever the pause, and so is used here to fail again."""
    monkeypatch.setattr(modbus, "FIRST_PAUSE_S", 1000)
    monkeypatch.setattr(modbus, "LONGEST_PAUSE_S", 3000)
    driver = make(unused_tcp_port, **BOARD)
    await driver.start()
    assert "does not accept" in (await driver.read(["power"]))["power"].reason
    for pause in (1000, 2000, 3000, 3000):
        reason = (await driver.read(["power"]))["power"].reason
        assert pause - 100 < float(reason.split("next attempt in ")[1].removesuffix(" s")) <= pause
        with pytest.raises(OutputError, match="does not accept"):
            await driver.write("evu_block", True)
    await driver.stop()


async def test_a_meter_that_accepts_but_never_answers(unused_tcp_port: int) -> None:
    connections: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(
        lambda _, writer: connections.append(writer), "127.0.0.1", unused_tcp_port
    )
    driver = make(unused_tcp_port, timeout=0.1)
    await driver.start()
    samples = await driver.read(METER)
    assert {sample.health for sample in samples.values()} == {Health.FAILED}
    assert "does not answer" in samples["power"].reason
    assert len(connections) == 1, "after the first request without an answer no more are sent"
    await driver.stop()
    for writer in connections:
        writer.close()
    server.close()


class OddMeter:
    """A real Modbus server whose registers the test chooses."""

    def __init__(self, floats: dict[str, float], *, deaf_coils: bool = False) -> None:
        self._floats, self._deaf = floats, deaf_coils

    async def __aenter__(self) -> ModbusDriver:
        registers = [0] * 80
        for name, number in self._floats.items():
            address = EASTRON_SDM630.registers[name].address
            registers[address : address + 2] = struct.unpack(">HH", struct.pack(">f", number))
        bits = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
        block = [SimData(0, values=registers, datatype=DataType.REGISTERS)]
        device = SimDevice(1, simdata=(bits, bits, block, block), action=self._on_request)
        self._server = ModbusTcpServer(device, address=("127.0.0.1", 0))
        await self._server.serve_forever(background=True)
        port = self._server.transport.sockets[0].getsockname()[1]
        self._driver = make(port, outputs={"evu_block": 0})
        await self._driver.start()
        return self._driver

    async def _on_request(self, *request: Any) -> None:
        if self._deaf and request[-1] is not None:
            request[-1][:] = [False] * len(request[-1])

    async def __aexit__(self, *_: object) -> None:
        await self._driver.stop()
        self._server.close()


@pytest.mark.parametrize(
    ("name", "sent", "health"),
    [
        ("power", math.nan, Health.FAILED),
        ("power", math.inf, Health.FAILED),
        ("power", 1e30, Health.OUT_OF_RANGE),
        ("voltage_1", -3.0, Health.OUT_OF_RANGE),
        ("frequency", 0.0, Health.OUT_OF_RANGE),
        ("power_factor", 4.0, Health.OUT_OF_RANGE),
    ],
)
async def test_an_absurd_number_is_no_value(name: str, sent: float, health: Health) -> None:
    async with OddMeter({"frequency": 50.0, name: sent}) as driver:
        samples = await driver.read([name, "current_1"])
        assert (samples[name].value, samples[name].health) == (None, health)
        assert samples[name].reason
        assert samples["current_1"].health is Health.GOOD


async def test_addresses_and_units_are_the_documents() -> None:
    sent = {"voltage_3": 231.5, "current_2": 4.25, "power": 2500.5, "energy": 1234.5, "power_factor": 0.875}
    async with OddMeter(sent) as driver:
        samples = await driver.read(list(sent))
        assert {name: sample.value for name, sample in samples.items()} == {**sent, "energy": 1_234_500.0}


async def test_a_coil_that_does_not_follow_is_an_error() -> None:
    async with OddMeter({}, deaf_coils=True) as driver:
        with pytest.raises(OutputError, match="did not follow"):
            await driver.write("evu_block", True)
        await driver.write("evu_block", False)


async def test_a_wrong_unit_is_failed(house: Simulator) -> None:
    driver = make(house.modbus_port, unit=9)
    await driver.start()
    sample = (await driver.read(["power"]))["power"]
    assert (sample.value, sample.health) == (None, Health.FAILED)
    await driver.stop()


async def test_not_started_is_failed(house: Simulator) -> None:
    driver = make(house.modbus_port, **BOARD)
    assert (await driver.read(["power"]))["power"].health is Health.FAILED
    with pytest.raises(OutputError, match="not started"):
        await driver.write("evu_block", True)


@pytest.mark.parametrize(
    ("names", "requests"),
    [
        (METER, [(0x00, 12), (0x34, 24)]),
        (["power"], [(0x34, 2)]),
        (["voltage_1", "current_3"], [(0x00, 12)]),
        (["frequency", "voltage_1"], [(0x00, 2), (0x46, 2)]),
        ([], []),
    ],
)
def test_readings_are_asked_for_together(names: list[str], requests: list[tuple[int, int]]) -> None:
    assert requests_for(EASTRON_SDM630, names) == requests


@pytest.mark.parametrize("meter", MAPS.values(), ids=MAPS)
def test_maps_are_sane(meter: Any) -> None:
    addresses = [register.address for register in meter.registers.values()]
    assert len(set(addresses)) == len(addresses)
    assert all(address % 2 == 0 for address in addresses)
    assert all(register.low < register.high for register in meter.registers.values())
    assert all(count <= meter.max_registers for _, count in requests_for(meter, meter.registers))


def test_the_sensor_files_are_the_kernels() -> None:
    """The scratchpad and CRC of the example in the kernel's documentation."""
    assert _dallas_crc(bytes.fromhex("72014b467fff0e10")) == 0x57
    assert w1_slave_text(23.125).splitlines()[1].endswith("t=23125")
    assert w1_slave_text(-10.125).startswith("5e ff ")


async def test_the_simulator_as_a_process(tmp_path: Path) -> None:
    """Meter, relay and sensors of one house, from another process, until SIGTERM."""
    command = ["--modbus-port", "0", "--onewire-dir", str(tmp_path), "--season", "winter", "--min-pause", "3"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "device_agent.simulator",
        *command,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    try:
        assert process.stdout is not None
        hello = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
        assert set(hello["sensors"]) == set(ONEWIRE_READINGS)
        meter = make(hello["modbus_port"], **BOARD)
        wires = make_driver("onewire", {"root": tmp_path, "sensors": hello["sensors"]}, lambda: NOW)
        await meter.start()
        await wires.start()
        temperatures = await wires.read(list(ONEWIRE_READINGS))
        assert {sample.health for sample in temperatures.values()} == {Health.GOOD}
        assert temperatures["room_temperature"].value == pytest.approx(20.8, abs=1)
        assert temperatures["outdoor_temperature"].value < 3
        before = (tmp_path / hello["sensors"]["return_temperature"] / "w1_slave").stat().st_mtime_ns
        await driver_follows(meter)
        for _ in range(100):
            if (tmp_path / hello["sensors"]["return_temperature"] / "w1_slave").stat().st_mtime_ns > before:
                break
            await asyncio.sleep(0.1)
        else:
            raise AssertionError("the sensor files are not kept fresh")
        os.kill(process.pid, signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0
        await until(meter, "power", Health.FAILED)
        await meter.stop()
        await wires.stop()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def driver_follows(meter: ModbusDriver) -> None:
    await asyncio.sleep(0.5)
    assert await value(meter, "power") > 1000
    await meter.write("evu_block", True)
    assert await value(meter, "power") < 60
