"""An evening from 17 to 20 without electricity for heating: in a pre-heated house, and in one that was not.

Through a real Prosody, the hub with its operations, and two boxes, each with the same simulated house: both
get the block, one of them warmth beforehand. A second here is a quarter of an hour there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service_provider import ServiceProvider
from support.ports import LOOPBACK
from support.prosody import ProsodyInstall
from support.scene import (
    HUB,
    PROVIDER_JID,
    Scene,
    box_jid,
    simulated,
    simulated_outputs,
    simulated_points,
)

PRE_HEATED, PLAIN = "hp0001", "hp0002"
SPEED = 900.0
"""Seconds of the house in one of ours: an entry of a second is a quarter of an hour."""
WARMER, BLOCK = ["24.0"] * 16, ["1"] * 12
"""Four hours of a raised room set point, then three hours of EVU block."""
AHEAD = len(WARMER) + 1
"""Seconds until the block begins. Setting the schedules takes some: the pre-heating is shorter then."""
MORNING = datetime(2026, 1, 15, 12, tzinfo=UTC)
"""The houses' time when their boxes start: about as long before 17 as it takes until the block begins."""
WANTED, BOUND = 20.5, 19.6
"""The room set point without any schedule, and what the room must not fall below, °C."""
STANDBY_W = 200.0
"""A heat pump whose compressor stands takes less: standby and the pump of the heating circuit."""
PATIENCE = 60.0
"""Seconds until the test gives up waiting; never the measure of anything."""
SEEN = ("MET/RmMMET1.EnvTmp", "MET/MMXU1.TotW", "HP/EvuGGIO1.Ind1", "HP/EvuGGIO1.Hld1")


@dataclass(frozen=True)
class Look:
    """What the provider read of a house: °C, W, the contact at the heat pump, and who holds the block."""

    at: datetime
    room: float
    power: float
    blocked: bool
    holder: str


@pytest.fixture
def scene(prosody_install: ProsodyInstall, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path / "scene", prosody_install)
    try:
        made.start_server()
        made.hphub("provider", "add", "agg", "--jid", PROVIDER_JID)
        for number, name in enumerate((PRE_HEATED, PLAIN), 1):
            made.hphub("heatpump", "add", name, "--box", box_jid(number))
            made.hphub("grant", "add", "agg", name, "--right", "read", "--right", "schedule")
        made.start_hub()
        made.start_operations()
        outputs = simulated_outputs()
        outputs["HP/RmFSPT1.SptVal"]["initial"] = WANTED
        for number in (1, 2):
            house = simulated(speed=SPEED, start=MORNING.isoformat())
            made.start_box(number, house, simulated_points(), outputs)
        yield made
    finally:
        made.close()


def set_schedule(scene: Scene, heatpumps: str, what: str, start: float, values: list[str]) -> bool:
    """Whether ``hpclient schedule set`` was done in every one of the heat pumps; an entry is a second."""
    begin = datetime.fromtimestamp(start, UTC).isoformat()
    plan = ("--start", begin, "--interval", "1s", "--values", ",".join(values))
    return scene.command("hpclient", "schedule", "set", heatpumps, what, *plan).returncode == 0


async def lived(scene: Scene, until: float) -> dict[str, list[Look]]:
    """Both houses as the provider reads them through the hub, from now until a time and the block's end."""
    seen: dict[str, list[Look]] = {PRE_HEATED: [], PLAIN: []}
    async with (
        asyncio.timeout(PATIENCE),
        ServiceProvider(
            PROVIDER_JID,
            scene.passwords[PROVIDER_JID],
            hub=HUB,
            host=LOOPBACK,
            port=scene.prosody.c2s_port,
            ca_file=scene.prosody.ca_file,
        ) as sp,
    ):
        while time.time() < until or any(looks[-1].blocked for looks in seen.values()):
            for name, looks in seen.items():
                room, power, blocked, holder = await sp.read(name, *SEEN)
                assert room.valid and power.valid and blocked.valid and room.time is not None
                assert isinstance(room.value, float) and isinstance(power.value, float)
                looks.append(
                    Look(room.time, room.value, power.value, blocked.value is True, str(holder.value))
                )
            await asyncio.sleep(0.2)
    return seen


async def test_an_evening_block_with_pre_heating_keeps_the_room_above_its_bound(scene: Scene) -> None:
    evening = 0.0

    def schedules_are_set() -> bool:
        """The slot of a grant is ready a moment after its box is online."""
        nonlocal evening
        evening = float(round(time.time()) + AHEAD)
        return set_schedule(scene, PRE_HEATED, "room", evening - len(WARMER), WARMER) and set_schedule(
            scene, f"{PRE_HEATED},{PLAIN}", "evu", evening, BLOCK
        )

    await asyncio.to_thread(scene.wait_for, "the schedules", schedules_are_set, timeout=PATIENCE)
    seen = await lived(scene, evening + len(BLOCK))

    lowest: dict[str, float] = {}
    for name, looks in seen.items():
        block = [look for look in looks if look.blocked]
        assert block, f"{name} was never blocked"
        assert block[0].holder.startswith("schedule SCH/EvuFSCH")
        assert max(look.power for look in block[1:]) < STANDBY_W
        assert (block[-1].at - block[0].at).total_seconds() > len(BLOCK) - 2, (
            "three hours, but for two samples"
        )
        lowest[name] = min(look.room for look in block)
    assert max(look.room for look in seen[PRE_HEATED]) > max(look.room for look in seen[PLAIN]) > WANTED
    assert lowest[PRE_HEATED] > BOUND > lowest[PLAIN]
