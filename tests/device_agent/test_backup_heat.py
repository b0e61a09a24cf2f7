"""A frosty night, a block by a schedule, a hub that is lost in the evening: the house keeps its backup heat.

The simulated house, its drivers and relays, limits and authority as in a box; only the time is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fake_driver import FakeDriver, Monotonic
from pydantic import TypeAdapter, ValidationError

from device_agent import guarded_relay
from device_agent.clock import Clock
from device_agent.drivers.simulated import SimulatedDriver, SimulatedOptions
from device_agent.limits_file import LimitsFile
from device_agent.output_config import Output
from device_agent.outputs import backup_blocks, ledgers, make_processes
from device_agent.switching import Switching
from device_agent.weather import Season
from iec61850_model.reference import Reference
from iec61850_model.scl import read_scl
from iec61850_model.server import Moment
from iec61850_model.server.effects import Drive

ICD = (Path(__file__).parents[2] / "config" / "heatpump-box.icd").read_bytes()
EVU = Reference.parse("HP/EvuGGIO1.SPCSO1")
HOUR, STEP = 3600, 60
EVENING = datetime(2026, 1, 15, 18, tzinfo=UTC).timestamp()
BLOCKED_FOR, NIGHT = 24 * HOUR, 30 * HOUR
"""The longest block that can be configured but for an hour, and how long is looked."""
HUB_LOST = 6 * HOUR
BACKUP_FROM = 17.0
"""°C of the room at which the house's own thermostat asks for the backup heater."""
ADAPTER: TypeAdapter[Output] = TypeAdapter(Output)


class FakeClock(Clock):
    """UTC of the house."""

    def __init__(self) -> None:
        self.now = EVENING

    def moment(self) -> Moment:
        return Moment(self.now)


@dataclass
class Night:
    """What was seen, once a minute, from the evening on."""

    room: list[float]
    contact: list[bool]
    heater: list[bool]


async def lived(
    folder: Path, monkeypatch: pytest.MonkeyPatch, house_options: Mapping[str, Any], backup_heat: bool
) -> Night:
    """The night of a house that a schedule blocks from the beginning; the hub is lost after some hours."""
    tree, clock, monotonic = read_scl(ICD), FakeClock(), Monotonic()
    monkeypatch.setattr(guarded_relay, "time", monotonic)
    options = SimulatedOptions(season=Season.WINTER, seed=3, **house_options)
    house = SimulatedDriver(options, lambda: clock.now)
    relay = {"relay": "house.evu_block", "max_on": 25 * HOUR, "backup_heat": backup_heat}
    outputs = {str(EVU): ADAPTER.validate_python(relay)}
    file = LimitsFile(folder / "limits.json")
    processes = make_processes(tree, outputs, {"house": house}, file)
    switching = Switching(tree, processes, clock, {}, 7200, backup_blocks(outputs))
    file.restore(ledgers(processes), monotonic.now, clock.now)
    await house.start()
    await switching.start()
    night = Night([], [], [])
    for second in range(0, NIGHT, STEP):
        monotonic.now += EVENING + second - clock.now
        clock.now = EVENING + second
        if second % HOUR == 0 and second < BLOCKED_FOR:
            switching.drive(Drive(EVU, True, "SCH/EvuFSCH1", clock.now + HOUR))
        switching.hub(there=second < HUB_LOST)
        await switching.look_after(processes[EVU])
        seen = await house.read(("room_temperature", "evu_contact", "backup_heater"))
        night.room.append(float(seen["room_temperature"].value or 0))
        night.contact.append(bool(seen["evu_contact"].value))
        night.heater.append(bool(seen["backup_heater"].value))
    await switching.stop()
    await house.stop()
    return night


COLDEST_ALLOWED = 16.5
WIRED_TO_BOTH = {"evu_blocks_backup": True}


async def test_where_the_block_stops_the_backup_heater_too_it_is_lifted_when_the_hub_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = await lived(tmp_path, monkeypatch, WIRED_TO_BOTH, backup_heat=True)
    lost = HUB_LOST // STEP
    assert all(night.contact[1:lost]) and not any(night.contact[lost + 1 :])
    assert min(night.room) > COLDEST_ALLOWED
    assert night.room[-1] > night.room[lost], "it is heated again"


async def test_where_it_stops_the_compressor_alone_the_schedule_goes_on_and_the_backup_heater_heats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = await lived(tmp_path, monkeypatch, {}, backup_heat=False)
    assert all(night.contact[1 : BLOCKED_FOR // STEP])
    assert any(night.heater) and min(night.room) > COLDEST_ALLOWED


async def test_without_being_told_the_box_cannot_know_and_that_house_gets_cold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why ``backup_heat`` is to be said: else these tests would prove nothing."""
    night = await lived(tmp_path, monkeypatch, WIRED_TO_BOTH, backup_heat=False)
    assert not any(night.heater[: BLOCKED_FOR // STEP])
    assert min(night.room) < COLDEST_ALLOWED < BACKUP_FROM


@pytest.mark.parametrize("backup_heat", [True, False])
async def test_no_least_time_holds_up_the_backup_heat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backup_heat: bool
) -> None:
    """Blocked by a command a second ago, for 10 minutes at least; then the hub is lost."""
    clock, monotonic, board = FakeClock(), Monotonic(), FakeDriver(outputs=["evu"])
    monkeypatch.setattr(guarded_relay, "time", monotonic)
    relay = {"relay": "board.evu", "min_on": 600, "backup_heat": backup_heat}
    outputs = {str(EVU): ADAPTER.validate_python(relay)}
    processes = make_processes(read_scl(ICD), outputs, {"board": board}, LimitsFile(tmp_path / "limits.json"))
    switching = Switching(read_scl(ICD), processes, clock, {}, 7200, backup_blocks(outputs))
    await switching.start()
    assert await switching.command(EVU, True) is None
    monotonic.now += 1
    switching.hub(there=False)
    await switching.look_after(processes[EVU])
    assert board.pins["evu"] is not backup_heat


def test_an_output_that_blocks_backup_heat_cannot_hold_without_a_hub() -> None:
    with pytest.raises(ValidationError, match="lost_hub: hold would block the backup heat"):
        ADAPTER.validate_python({"relay": "a.evu", "backup_heat": True, "lost_hub": "hold"})


def test_which_value_blocks_follows_from_what_the_output_is() -> None:
    outputs = {
        "HP/EvuGGIO1.SPCSO1": {"relay": "a.evu", "backup_heat": True},
        "HP/RlyGGIO1.SPCSO1": {"relay": "a.heater", "safe": True, "backup_heat": True},
        "HP/RlyGGIO1.SPCSO2": {"relay": "a.other"},
        "HP/SgrGGIO1.ISCSO1": {"sg_ready": ["a.one", "a.two"], "backup_heat": True},
    }
    blocks = backup_blocks({name: ADAPTER.validate_python(one) for name, one in outputs.items()})
    assert {str(reference): value for reference, value in blocks.items()} == {
        "HP/EvuGGIO1.SPCSO1": True,
        "HP/RlyGGIO1.SPCSO1": False,
        "HP/SgrGGIO1.ISCSO1": 1,
    }
