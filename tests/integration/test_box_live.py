"""A box as it stands in a house: Modbus meter and relay, 1-Wire sensors, a real Prosody and the hub.

The relay is looked at from outside, at the terminals of the (simulated) heat pump.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from pymodbus.client import ModbusTcpClient

from iec61850_model.values import GOOD, OrCat, Validity
from service_provider import ServiceProvider
from support.ports import LOOPBACK
from support.prosody import ProsodyInstall
from support.scene import FREE_RELAY, HUB, PROVIDER_JID, Program, Scene, box_jid

NUMBER, HEAT_PUMP = 42, "hp0042"
POWER, ENERGY, OUTDOOR = "MET/MMXU1.TotW", "MET/MMTR1.DmdWh", "MET/OutMMET1.EnvTmp"
LOST_AFTER = 20
"""Seconds of lost_hub: timeout."""
HOLDER = "HP/EvuGGIO1.Hld1"
EVU, EVU_SEEN = "HP/EvuGGIO1.SPCSO1", "HP/EvuGGIO1.Ind1"
T = TypeVar("T")


@dataclass
class House:
    """The world around one box, and the box."""

    scene: Scene
    simulator: Program
    modbus_port: int
    sensors: dict[str, str]
    box: Program | None = None

    # --- the box

    def start_box(self) -> Program:
        drivers = {
            "meter": {
                "kind": "modbus",
                "host": LOOPBACK,
                "port": self.modbus_port,
                "timeout": 1.0,
                "map": "eastron-sdm630",
                "outputs": {"evu": 0},
                "inputs": {"evu_contact": 0},
            },
            "temperatures": {
                "kind": "onewire",
                "root": str(self.scene.directory / "w1"),
                "sensors": {"outdoor": self.sensors["outdoor_temperature"]},
            },
        }
        points = {
            POWER: "meter.power",
            ENERGY: "meter.energy",
            EVU_SEEN: "meter.evu_contact",
            OUTDOOR: "temperatures.outdoor",
        }
        outputs = {EVU: {"relay": "meter.evu"} | FREE_RELAY}
        more = {"lost_hub": {"timeout": LOST_AFTER}}
        self.box = self.scene.start_box(NUMBER, drivers, points, outputs, more=more)
        return self.box

    def logged(self, *events: str) -> int:
        """How often the box has logged one of these events."""
        assert self.box is not None
        lines = [json.loads(line) for line in self.box.log.splitlines() if line.startswith("{")]
        return sum(line["event"] in events for line in lines)

    def wait_online(self, times: int = 1) -> None:
        self.scene.wait_for("the box's login", lambda: self.logged("link is up") >= times, self.box)
        self.wait_presence("online")

    def wait_presence(self, state: str) -> None:
        self.scene.wait_for(
            f"presence {state}", lambda: self.scene.presence_of(HEAT_PUMP) == state, timeout=60
        )

    # --- the hardware

    @property
    def contact(self) -> bool:
        """What the heat pump's EVU terminals see."""
        with ModbusTcpClient(LOOPBACK, port=self.modbus_port, timeout=3) as client:
            return bool(client.read_discrete_inputs(0, count=1, device_id=1).bits[0])

    # --- the provider

    def ask(self, question: Callable[[ServiceProvider], Awaitable[T]]) -> T:
        async def asked() -> T:
            async with ServiceProvider(
                f"{PROVIDER_JID}/test",
                self.scene.passwords[PROVIDER_JID],
                hub=HUB,
                host=LOOPBACK,
                port=self.scene.prosody.c2s_port,
                ca_file=self.scene.prosody.ca_file,
            ) as provider:
                return await question(provider)

        return asyncio.run(asked())

    def read(self, reference: str) -> Any:
        return self.ask(lambda provider: provider.read(HEAT_PUMP, reference))

    def operate(self, value: bool) -> None:
        self.ask(lambda provider: provider.operate(HEAT_PUMP, EVU, value))

    def wait_quality(self, reference: str, validity: Validity) -> Any:
        async def wait(provider: ServiceProvider) -> Any:
            async with asyncio.timeout(30):
                while True:
                    reading = await provider.read(HEAT_PUMP, reference)
                    if reading.quality.validity is validity:
                        return reading
                    await asyncio.sleep(0.2)

        return self.ask(wait)


def start_simulator(scene: Scene, port: int) -> Program:
    command = ["python", "-m", "device_agent.simulator", "--modbus-port", str(port)]
    options = ["--onewire-dir", str(scene.directory / "w1"), "--season", "winter", "--min-pause", "3"]
    simulator = scene.start("house", [*command, *options], {})
    scene.wait_for("the house", lambda: "modbus_port" in simulator.log, simulator)
    return simulator


@pytest.fixture(scope="module")
def house(prosody_install: ProsodyInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    scene = Scene(tmp_path_factory.mktemp("scene"), prosody_install)
    try:
        scene.start_server()
        scene.hphub("heatpump", "add", HEAT_PUMP, "--box", box_jid(NUMBER))
        scene.hphub("provider", "add", "agg", "--jid", PROVIDER_JID)
        scene.hphub("grant", "add", "agg", HEAT_PUMP, "--right", "read", "--right", "control")
        scene.start_hub()
        simulator = start_simulator(scene, 0)
        there = json.loads(simulator.log.splitlines()[0])
        yield House(scene, simulator, there["modbus_port"], there["sensors"])
    finally:
        scene.close()


@pytest.fixture
def box(house: House) -> Iterator[Program]:
    """A box that is online; whatever a test did to it, it is gone afterwards."""
    program = house.start_box()
    try:
        house.wait_online()
        yield program
    finally:
        if house.box is not None and house.box.process.poll() is None:
            house.box.stop()


def test_a_box_starts_without_a_network_and_comes_back_whenever_there_is_one(house: House) -> None:
    scene = house.scene
    scene.register(box_jid(NUMBER))
    scene.prosody.stop()
    box = house.start_box()
    try:
        scene.wait_for("two attempts", lambda: house.logged("cannot log in") >= 2, box)
        assert house.logged("relay switched") == 1, "its relay is safe without a network too"
        assert not house.contact
        scene.prosody.start()
        house.wait_online()
        assert house.read(POWER).quality == GOOD

        scene.prosody.stop()
        scene.wait_for("the loss", lambda: house.logged("link is down") == 1, box)
        scene.wait_for("an attempt", lambda: house.logged("cannot log in") >= 3, box)
        scene.prosody.start()
        house.wait_online(times=2)
        assert house.read(POWER).quality == GOOD
        pauses = re.findall(r"next attempt in ([0-9.]+) s", box.log)
        assert len(pauses) >= 4 and all(float(pause) <= 60 for pause in pauses)
    finally:
        assert box.stop() == 0


def test_values_arrive_and_what_dies_shows_and_comes_back(house: House, box: Program) -> None:
    power, outdoor = house.read(POWER), house.read(OUTDOOR)
    assert (power.quality, power.unit, outdoor.quality, outdoor.unit) == (GOOD, "W", GOOD, "°C")
    assert -30 < outdoor.value < 20
    assert house.read(ENERGY).quality == GOOD
    house.operate(True)
    assert house.contact and house.read(EVU).value is True

    house.simulator.kill()
    lost = house.wait_quality(POWER, Validity.INVALID)
    assert lost.value is not None, "the last value stays, and says that it is none"
    assert house.read(OUTDOOR).quality == GOOD, "the sensors have nothing to do with the meter"
    refused = house.scene.command("hpclient", "operate", HEAT_PUMP, EVU, "false")
    assert refused.returncode == 1 and "Blocked-by-process" in refused.stderr + refused.stdout
    house.wait_quality(EVU, Validity.INVALID)
    assert house.read("LD0/BoxCALH1.GrWrn").value is True
    assert "does not accept a connection" in box.log or "does not answer" in box.log

    house.simulator = start_simulator(house.scene, house.modbus_port)
    assert house.wait_quality(POWER, Validity.GOOD).time > lost.time
    assert house.wait_quality(EVU, Validity.GOOD).value is False
    assert not house.contact


def test_a_killed_box_is_safe_when_it_is_back_and_sigterm_leaves_it_safe(house: House, box: Program) -> None:
    house.operate(True)
    box.kill()
    house.wait_presence("offline")
    assert house.contact, "nobody could switch it back"
    box = house.start_box()
    house.wait_online()
    assert not house.contact
    shown, origin = house.ask(lambda provider: provider.read(HEAT_PUMP, EVU, f"{EVU}.origin.orCat[ST]"))
    assert (shown.value, shown.quality, origin.value) == (False, GOOD, OrCat.PROCESS)

    house.operate(True)
    assert house.contact
    assert box.stop() == 0
    assert not house.contact
    house.wait_presence("offline")
    assert house.logged("box has stopped") == 1
    assert "Traceback" not in box.log
    assert house.scene.passwords[box_jid(NUMBER)] not in box.log


def test_a_hub_that_dies_leaves_no_relay_on_and_is_found_again(house: House, box: Program) -> None:
    """The XMPP server lives on and the box stays logged in: only the hub's silence tells."""
    scene = house.scene
    house.operate(True)
    assert house.contact
    told = scene.command("hpclient", "read", HEAT_PUMP, EVU, HOLDER)
    assert "command until 20" in told.stdout
    scene.programs["hub"].kill()
    scene.wait_for("the fail-safe", lambda: not house.contact, box, timeout=60)
    assert house.logged("the hub") == 1 and house.logged("link is down") == 0
    assert "fail-safe until 20" in box.log
    scene.start_hub()
    scene.wait_for("the hub's heartbeat", lambda: house.logged("the hub") == 2, box, timeout=60)
    house.wait_presence("online")
    assert not house.contact, "what ended stays ended"
    assert house.read(HOLDER).value == "nobody"
    house.operate(True)
    assert house.contact
