"""Relays and contacts on gpiozero's own mock pins."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from gpiozero.pins.mock import MockPin

from device_agent.drivers import DriverStartError, Health, OutputError, make_driver
from device_agent.drivers.gpio import GpioDriver

NOW = 1_700_000_000.0
OPTIONS = {
    "pin_factory": "mock",
    "outputs": {
        "evu_block": {"pin": 17, "active_high": False},
        "relay_1": {"pin": 27},
        "frost_guard": {"pin": 24, "safe": True},
    },
    "inputs": {"evu_contact": {"pin": 22}, "sg_ready_contact_1": {"pin": 23, "pull_up": False}},
}


def make(options: dict[str, Any] = OPTIONS) -> GpioDriver:
    driver = make_driver("gpio", options, lambda: NOW)
    assert isinstance(driver, GpioDriver)
    return driver


@pytest.fixture
async def driver() -> AsyncIterator[GpioDriver]:
    driver = make()
    await driver.start()
    yield driver
    await driver.stop()


def pin(driver: GpioDriver, number: int) -> MockPin:
    assert driver.factory is not None
    return driver.factory.pin(number)


async def test_relays_start_in_their_safe_state(driver: GpioDriver) -> None:
    assert pin(driver, 17).function == "output"
    assert pin(driver, 17).state == 1, "an active-low relay is off when its pin is high"
    assert pin(driver, 27).state == 0
    assert pin(driver, 24).state == 1


async def test_switching_moves_the_pin(driver: GpioDriver) -> None:
    await driver.write("evu_block", True)
    assert pin(driver, 17).state == 0
    await driver.write("relay_1", 1)
    assert pin(driver, 27).state == 1
    await driver.write("evu_block", False)
    assert pin(driver, 17).state == 1


async def test_contacts(driver: GpioDriver) -> None:
    async def contacts() -> list[Any]:
        samples = await driver.read(["evu_contact", "sg_ready_contact_1"])
        assert all(sample.health is Health.GOOD and sample.time == NOW for sample in samples.values())
        return [sample.value for sample in samples.values()]

    assert await contacts() == [False, False]
    pin(driver, 22).drive_low()
    pin(driver, 23).drive_high()
    assert await contacts() == [True, True]


async def test_stopping_makes_safe_before_the_pin_is_given_back() -> None:
    driver = make()
    await driver.start()
    relay, guard = pin(driver, 27), pin(driver, 24)
    await driver.write("relay_1", True)
    await driver.write("frost_guard", False)
    await driver.stop()
    assert [change.state for change in relay.states][-1] is False
    assert [change.state for change in guard.states][-2:] == [False, True]
    assert relay.function == "input"
    assert (await driver.read(["evu_contact"]))["evu_contact"].health is Health.FAILED
    with pytest.raises(OutputError, match="not started"):
        await driver.write("relay_1", True)


async def test_a_pin_that_does_not_follow_is_an_error(
    driver: GpioDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MockPin, "_set_state", lambda _pin, _value: None)
    with pytest.raises(OutputError, match="pin 27 did not follow"):
        await driver.write("relay_1", True)


async def test_a_pin_that_fails_is_an_error_and_a_failed_sample(
    driver: GpioDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("chip is gone")

    monkeypatch.setattr(MockPin, "_set_state", broken)
    monkeypatch.setattr(MockPin, "_get_state", broken)
    with pytest.raises(OutputError, match="chip is gone"):
        await driver.write("relay_1", True)
    sample = (await driver.read(["evu_contact"]))["evu_contact"]
    assert (sample.value, sample.health) == (None, Health.FAILED)
    assert "chip is gone" in sample.reason
    monkeypatch.undo()


async def test_stopping_tries_every_relay_and_gives_back_the_pins_even_if_one_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver = make()
    await driver.start()
    relay = pin(driver, 27)
    await driver.write("evu_block", True)
    await driver.write("relay_1", True)
    works = MockPin._set_state

    def broken(mock: MockPin, value: int) -> None:
        if mock is not relay:
            raise OSError("chip is gone")
        works(mock, value)

    monkeypatch.setattr(MockPin, "_set_state", broken)
    with pytest.raises(OutputError, match=r"without reaching the safe state: evu_block.*frost_guard"):
        await driver.stop()
    assert relay.states[-1].state is False
    assert driver.factory is None


async def test_a_machine_without_pins_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "nothing")
    monkeypatch.setattr("gpiozero.Device.pin_factory", None)
    driver = make({"outputs": {"relay_1": {"pin": 27}}})
    with pytest.raises(DriverStartError, match="install lgpio"):
        await driver.start()
    await driver.stop()


@pytest.mark.parametrize("value", [2, -1, 0.5, float("nan")])
async def test_a_relay_takes_on_or_off(driver: GpioDriver, value: float) -> None:
    with pytest.raises(OutputError, match="on or off"):
        await driver.write("relay_1", value)
    assert pin(driver, 27).state == 0
