"""An evening without electricity for heating: pre-heated before 17, blocked till 20, the room stays warm.

The simulated house, its drivers and relays, limits and authority as in a box; only the time is ours, and the
schedules' entries come as the drives that the schedules send.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fake_driver import Monotonic
from pydantic import TypeAdapter

from device_agent import guarded_relay
from device_agent.clock import Clock
from device_agent.drivers.simulated import SimulatedDriver, SimulatedOptions
from device_agent.limits_file import LimitsFile
from device_agent.output_config import Output
from device_agent.outputs import ledgers, make_processes
from device_agent.switching import Switching
from device_agent.weather import Season
from iec61850_model.reference import Reference
from iec61850_model.scl import read_scl
from iec61850_model.server import Moment
from iec61850_model.server.effects import Drive

ICD = (Path(__file__).parents[2] / "config" / "heatpump-box.icd").read_bytes()
EVU, SG_READY = Reference.parse("HP/EvuGGIO1.SPCSO1"), Reference.parse("HP/SgrGGIO1.ISCSO1")
ROOM = Reference.parse("HP/RmFSPT1.SptVal")
HOUR, QUARTER, STEP = 3600, 900, 60
MIDNIGHT = datetime(2026, 1, 15, tzinfo=UTC).timestamp()
BOUND = 20.0
"""What the room must not fall below, °C; it is set to 21."""
OUTPUTS: dict[str, Any] = {
    str(EVU): {"relay": "house.evu_block", "max_on": 3 * HOUR},
    str(SG_READY): {"sg_ready": ["house.sg_ready_1", "house.sg_ready_2"]},
    str(ROOM): {"set_point": "house.room_setpoint", "initial": 21.0},
}
FORCED = 4
WARMER = {12 * HOUR + n * QUARTER: 23.0 for n in range(20)}
PRE_HEATING = {15 * HOUR + n * QUARTER: FORCED for n in range(8)}
BLOCK = {17 * HOUR + n * QUARTER: True for n in range(12)}


class FakeClock(Clock):
    """UTC of the house."""

    def __init__(self) -> None:
        self.now = MIDNIGHT + 6 * HOUR

    def moment(self) -> Moment:
        return Moment(self.now)


@dataclass
class Day:
    """What was seen, once a minute: second of the day -> value."""

    room: dict[int, float] = field(default_factory=dict)
    power: dict[int, float] = field(default_factory=dict)
    contact: dict[int, bool] = field(default_factory=dict)

    @property
    def coldest(self) -> float:
        """°C in the evening."""
        return min(celsius for at, celsius in self.room.items() if at >= 17 * HOUR)

    def energy(self, begin: int, end: int) -> float:
        """kWh between two hours of the day."""
        taken = [watts for at, watts in self.power.items() if begin * HOUR <= at < end * HOUR]
        return sum(taken) * STEP / 3.6e6


async def lived(
    folder: Path, monkeypatch: pytest.MonkeyPatch, schedules: dict[Reference, dict[int, Any]]
) -> Day:
    """The day from 6 to 24 o'clock with these schedules: second of the day -> the value of a quarter."""
    tree, clock, monotonic, day = read_scl(ICD), FakeClock(), Monotonic(), Day()
    monkeypatch.setattr(guarded_relay, "time", monotonic)
    house = SimulatedDriver(SimulatedOptions(season=Season.WINTER, seed=3), lambda: clock.now)
    adapter: TypeAdapter[Output] = TypeAdapter(Output)
    outputs = {name: adapter.validate_python(one) for name, one in OUTPUTS.items()}
    file = LimitsFile(folder / "limits.json")
    processes = make_processes(tree, outputs, {"house": house}, file)
    switching = Switching(tree, processes, clock, {}, 7200)
    file.restore(ledgers(processes), monotonic.now, clock.now)
    await house.start()
    await switching.start()
    names = ("room_temperature", "power", "evu_contact")
    for second in range(6 * HOUR, 24 * HOUR, STEP):
        monotonic.now += MIDNIGHT + second - clock.now
        clock.now = MIDNIGHT + second
        for reference, entries in schedules.items():
            if second in entries:
                until = MIDNIGHT + second + QUARTER
                switching.drive(Drive(reference, entries[second], "SCH/TestFSCH1", until))
            elif second - QUARTER in entries:
                switching.drive(Drive(reference, None))
        for process in processes.values():
            await switching.look_after(process)
        seen = {name: sample.value for name, sample in (await house.read(names)).items()}
        day.room[second] = float(seen["room_temperature"] or 0)
        day.power[second] = float(seen["power"] or 0)
        day.contact[second] = bool(seen["evu_contact"])
    await switching.stop()
    await house.stop()
    return day


async def test_an_evening_block_with_pre_heating_keeps_the_room_above_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = []
    for number, schedules in enumerate(({}, {EVU: BLOCK}, {ROOM: WARMER, SG_READY: PRE_HEATING, EVU: BLOCK})):
        folder = tmp_path / str(number)
        folder.mkdir()
        days.append(await lived(folder, monkeypatch, schedules))
    plain, blocked, shifted = days
    evening = range(17 * HOUR + STEP, 20 * HOUR, STEP)
    assert all(shifted.contact[at] for at in evening) and not any(plain.contact.values())
    assert not shifted.contact[20 * HOUR + STEP]
    assert shifted.energy(17, 20) < 0.2 and plain.energy(17, 20) > 1.0
    assert shifted.energy(12, 17) > plain.energy(12, 17)
    assert shifted.coldest > BOUND > blocked.coldest
