"""1-Wire temperatures from files as the kernel writes them."""

import asyncio
import os
from pathlib import Path

import pytest

from device_agent.drivers import Health, OutputError, Sample, make_driver, onewire
from device_agent.drivers.onewire import OneWireDriver

SENSOR = "28-0316a2795bff"
GOOD = "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n"
NOW = 1_700_000_000.0


def driver_for(root: Path, **sensors: str) -> OneWireDriver:
    made = make_driver(
        "onewire", {"root": root, "sensors": sensors or {"room_temperature": SENSOR}}, lambda: NOW
    )
    assert isinstance(made, OneWireDriver)
    return made


def put(root: Path, text: str | bytes, file: str = "w1_slave", sensor: str = SENSOR) -> None:
    (root / sensor).mkdir(exist_ok=True)
    (root / sensor / file).write_bytes(text if isinstance(text, bytes) else text.encode())


async def measure(root: Path) -> Sample:
    driver = driver_for(root)
    await driver.start()
    try:
        return (await driver.read(["room_temperature"]))["room_temperature"]
    finally:
        await driver.stop()


@pytest.mark.parametrize(
    ("t", "celsius"), [("23125", 23.125), ("-10125", -10.125), ("0", 0.0), ("125000", 125.0)]
)
async def test_a_temperature(tmp_path: Path, t: str, celsius: float) -> None:
    put(tmp_path, GOOD.replace("23125", t))
    assert await measure(tmp_path) == Sample(celsius, Health.GOOD, NOW)


@pytest.mark.parametrize(
    ("text", "health", "reason"),
    [
        (GOOD.replace("YES", "NO"), Health.FAILED, "CRC"),
        (GOOD.replace("23125", "85000"), Health.FAILED, "lost power"),
        (GOOD.replace("23125", "125001"), Health.OUT_OF_RANGE, "outside"),
        (GOOD.replace("23125", "-55062"), Health.OUT_OF_RANGE, "outside"),
        (GOOD.replace("23125", "127937"), Health.OUT_OF_RANGE, "outside"),
        (GOOD.replace("23125", "warm"), Health.FAILED, "two lines"),
        (GOOD.replace("23125", "99999999999"), Health.FAILED, "two lines"),
        (GOOD.splitlines()[0], Health.FAILED, "two lines"),
        ("", Health.FAILED, "two lines"),
        (b"\xff\xfe\x00", Health.FAILED, "ascii"),
        (
            "00 00 00 00 00 00 00 00 00 : crc=00 YES\n00 00 00 00 00 00 00 00 00 t=0\n",
            Health.FAILED,
            "shorted",
        ),
    ],
)
async def test_what_is_no_measurement_is_no_value(
    tmp_path: Path, text: str | bytes, health: Health, reason: str
) -> None:
    put(tmp_path, text)
    sample = await measure(tmp_path)
    assert sample.value is None
    assert sample.health is health
    assert reason in sample.reason


async def test_a_sensor_that_is_not_there(tmp_path: Path) -> None:
    sample = await measure(tmp_path)
    assert (sample.value, sample.health) == (None, Health.FAILED)
    assert SENSOR in sample.reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [("21500\n", (21.5, Health.GOOD)), ("85000\n", (None, Health.FAILED)), ("\n", (None, Health.FAILED))],
)
async def test_a_kernel_with_the_temperature_file_only(
    tmp_path: Path, text: str, expected: tuple[float | None, Health]
) -> None:
    put(tmp_path, text, file="temperature")
    sample = await measure(tmp_path)
    assert (sample.value, sample.health) == expected


async def test_one_broken_sensor_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    put(tmp_path, GOOD, sensor="28-000000000001")
    driver = driver_for(tmp_path, forward_temperature="28-000000000001", return_temperature="28-000000000002")
    await driver.start()
    samples = await driver.read(["forward_temperature", "return_temperature"])
    await driver.stop()
    assert samples["forward_temperature"].value == 23.125
    assert samples["return_temperature"].health is Health.FAILED


async def test_a_sensor_that_comes_back_is_read_again(tmp_path: Path) -> None:
    driver = driver_for(tmp_path)
    await driver.start()
    assert (await driver.read(["room_temperature"]))["room_temperature"].health is Health.FAILED
    put(tmp_path, GOOD)
    assert (await driver.read(["room_temperature"]))["room_temperature"].value == 23.125
    await driver.stop()


async def test_a_hung_bus_gives_the_last_value_as_stale_and_then_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is a pipe, so that reading it waits as it does on a hung bus."""
    monkeypatch.setattr(onewire, "READ_LIMIT_S", 0.2)
    put(tmp_path, GOOD)
    times = iter([NOW, NOW + 60])
    driver = OneWireDriver(driver_for(tmp_path)._options, lambda: next(times))
    await driver.start()
    first = (await driver.read(["room_temperature"]))["room_temperature"]
    path = tmp_path / SENSOR / "w1_slave"
    path.unlink()
    os.mkfifo(path)
    try:
        for _ in range(3):
            late = (await driver.read(["room_temperature"]))["room_temperature"]
            assert (late.value, late.health, late.time) == (23.125, Health.STALE, first.time)
            assert "no answer" in late.reason
        assert driver._thread is not None
        assert driver._thread._work_queue.qsize() == 0, (
            "one late measurement is waited for, none are piled up"
        )
    finally:
        bus = await asyncio.to_thread(os.open, path, os.O_WRONLY)
        path.rename(tmp_path / "hung")
        put(tmp_path, GOOD)
        os.write(bus, GOOD.replace("23125", "24000").encode())
        os.close(bus)
    after = (await driver.read(["room_temperature"]))["room_temperature"]
    assert (after.value, after.health, after.time) == (24.0, Health.GOOD, NOW + 60)
    await driver.stop()


async def test_not_started_and_no_outputs(tmp_path: Path) -> None:
    put(tmp_path, GOOD)
    driver = driver_for(tmp_path)
    assert (await driver.read(["room_temperature"]))["room_temperature"].health is Health.FAILED
    assert driver.outputs() == frozenset()
    with pytest.raises(OutputError, match="no outputs"):
        await driver.write("room_temperature", 1)
