"""The simulated house behind the driver interface, and the making of drivers from configuration."""

from typing import Any

import pytest

from device_agent.drivers import (
    Driver,
    DriverConfigError,
    Health,
    OutputError,
    kinds,
    make_driver,
    require_known,
)

CONTRACT = [
    "outdoor_temperature",
    "outdoor_humidity",
    "room_temperature",
    "room_humidity",
    "forward_temperature",
    "return_temperature",
    "buffer_top_temperature",
    "buffer_bottom_temperature",
    "dhw_temperature",
    "brine_in_temperature",
    "brine_out_temperature",
    "space_heating_flow",
    "dhw_flow",
    "space_heating_power",
    "dhw_power",
    "space_heating_energy",
    "dhw_energy",
    "space_heating_volume",
    "dhw_volume",
    "power",
    "reactive_power",
    "power_factor",
    "frequency",
    "voltage_1",
    "voltage_2",
    "voltage_3",
    "current_1",
    "current_2",
    "current_3",
    "energy",
    "compressor",
    "defrost",
    "dhw_mode",
    "fault",
    "operating_mode",
    "compressor_hours",
    "pump_speed",
    "pump_on",
    "valve_dhw",
    "evu_contact",
    "sg_ready_contact_1",
    "sg_ready_contact_2",
    "box_temperature",
]


class Clock:
    """A clock the test moves."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


async def make(clock: Clock, **options: Any) -> Driver:
    driver = make_driver("simulated", {"season": "winter", **options}, clock)
    await driver.start()
    return driver


async def test_all_readings_of_the_contract_are_there_with_health_and_time() -> None:
    clock = Clock()
    driver = await make(clock, source="brine")
    clock.now += 2
    samples = await driver.read(sorted(driver.readings()))
    assert set(CONTRACT) <= samples.keys() == driver.readings()
    for sample in samples.values():
        assert sample.health is Health.GOOD
        assert sample.value is not None
        assert sample.time == clock.now
        assert sample.reason == ""


async def test_what_the_house_does_not_have_is_missing_and_not_zero() -> None:
    sample = (await (await make(Clock(), source="air")).read(["brine_in_temperature"]))[
        "brine_in_temperature"
    ]
    assert sample.value is None
    assert sample.health is Health.FAILED
    assert "brine" in sample.reason


async def test_an_evu_block_shows_at_once_and_unblocking_after_the_pause() -> None:
    clock = Clock()
    driver = await make(clock, min_pause=3)

    async def power_after(seconds: float) -> Any:
        clock.now += seconds
        return (await driver.read(["power"]))["power"].value

    assert await power_after(2) > 1000
    await driver.write("evu_block", True)
    assert await power_after(1) < 60
    assert (await driver.read(["evu_contact"]))["evu_contact"].value is True
    await driver.write("evu_block", False)
    assert await power_after(1) < 60
    assert await power_after(3) > 1000


async def test_set_points_and_spare_relays() -> None:
    driver = await make(Clock())
    await driver.write("room_setpoint", 22.5)
    await driver.write("relay_3", True)
    samples = await driver.read(["relay_contact_3", "relay_contact_4"])
    assert samples["relay_contact_3"].value is True
    assert samples["relay_contact_4"].value is False


@pytest.mark.parametrize(
    ("output", "value", "message"),
    [
        ("room_setpoint", 90, "between 5.0 and 30.0"),
        ("room_setpoint", float("nan"), "between"),
        ("evu_block", 2, "on or off"),
        ("relay_1", 0.5, "on or off"),
    ],
)
async def test_a_value_an_output_cannot_take_is_refused(output: str, value: float, message: str) -> None:
    driver = await make(Clock())
    with pytest.raises(OutputError, match=message):
        await driver.write(output, value)


async def test_speed_and_start_set_the_house_time() -> None:
    clock = Clock()
    driver = await make(clock, speed=3600, start="2026-01-15T12:00:00+00:00")
    clock.now += 24
    samples = await driver.read(["compressor_hours", "outdoor_temperature"])
    assert samples["compressor_hours"].value > 3
    assert samples["outdoor_temperature"].time == clock.now


async def test_a_clock_set_back_or_far_ahead_does_no_harm() -> None:
    clock = Clock()
    driver = await make(clock)
    clock.now -= 5000
    assert (await driver.read(["energy"]))["energy"].value == 0
    clock.now += 1e9
    energy = (await driver.read(["energy"]))["energy"].value
    assert 0 < energy < 100e3


async def test_not_started_is_failed() -> None:
    driver = make_driver("simulated", {}, Clock())
    assert (await driver.read(["power"]))["power"].health is Health.FAILED
    with pytest.raises(OutputError, match="not started"):
        await driver.write("relay_1", True)
    await driver.stop()


async def test_unknown_names_are_refused_with_the_names_there_are() -> None:
    driver = await make(Clock())
    with pytest.raises(
        DriverConfigError, match=r"unknown reading of driver simulated: pwr; valid names: .*power"
    ):
        await driver.read(["pwr"])
    with pytest.raises(DriverConfigError, match=r"valid names: dhw_setpoint, evu_block, relay_1"):
        await driver.write("evu", True)


def test_require_known_lists_what_is_wrong_and_what_is_right() -> None:
    require_known("colour", ["red"], ["red", "blue"])
    with pytest.raises(DriverConfigError, match="unknown colour: green, pink; valid names: blue, red"):
        require_known("colour", ["pink", "red", "green"], ["red", "blue"])


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("zigbee", {}, "unknown kind of driver: zigbee; valid names: gpio, modbus, onewire, simulated"),
        ("simulated", {"sped": 2}, "driver simulated: option sped: Extra inputs are not permitted"),
        ("simulated", {"season": "monsoon"}, "option season: "),
        ("simulated", {"speed": 0}, "option speed: Input should be greater than 0"),
        ("modbus", {"map": "eastron-sdm630"}, "driver modbus: option host: Field required"),
        ("modbus", {"host": "meter"}, "at least one of map, outputs and inputs"),
        ("modbus", {"host": "meter", "map": "abacus"}, "option map: Input should be 'eastron-sdm630'"),
        ("modbus", {"host": "m", "map": "eastron-sdm630", "inputs": {"power": 1}}, "already: power"),
        ("onewire", {"sensors": {"room_temperature": "28/../etc"}}, "option sensors.room_temperature: "),
        ("onewire", {"sensors": {}}, "option sensors: "),
        ("gpio", {}, "at least one of outputs and inputs"),
        ("gpio", {"outputs": {"relay_1": {"pin": 99}}}, "option outputs.relay_1.pin: "),
        ("gpio", {"outputs": {"a": {"pin": 5}}, "inputs": {"b": {"pin": 5}}}, "pin used twice: 5"),
    ],
)
def test_a_wrong_configuration_is_refused_by_name(kind: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DriverConfigError) as refusal:
        make_driver(kind, options, Clock())
    assert message in str(refusal.value)


def test_the_kinds_there_are() -> None:
    assert kinds() == {"gpio", "modbus", "onewire", "simulated"}
