"""Real processes change one registry at the same time: no revision is lost, doubled or seen out of order."""

from __future__ import annotations

import asyncio
import sys

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.registry import Registry, add_heat_pump, changes_since, current_revision
from hub.registry.models import HeatPumpRow
from hub.roster import HeatPump, Roster

PROCESSES = 3
CHANGES_EACH = 20

WRITER = """
import asyncio, sys, time
from hub.registry import Registry, add_heat_pump, remove_heat_pump
from hub.roster import HeatPump

async def main(url, me):
    registry = await Registry.open(url)
    for number in range({each}):
        pump = HeatPump(f"hp-{{me}}-{{number}}", f"box-{{me}}-{{number}}@boxes.example")
        await registry.run(add_heat_pump, pump, hub_domain="hub.example", now=time.time())
        if number % 4 == 3:
            await registry.run(remove_heat_pump, pump.id, now=time.time())
    await registry.close()

asyncio.run(main(sys.argv[1], sys.argv[2]))
"""


async def test_parallel_commands_neither_lose_nor_reorder_revisions(
    registry: Registry, registry_url: str
) -> None:
    writers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER.format(each=CHANGES_EACH), registry_url, str(me)
        )
        for me in range(PROCESSES)
    ]
    ended = asyncio.gather(*(writer.wait() for writer in writers))
    follower = Roster()
    while not ended.done():
        changes = await registry.read(changes_since, follower.revision)
        assert changes.revision >= follower.revision
        follower.apply(changes)
        await asyncio.sleep(0.005)
    assert await ended == [0] * PROCESSES

    removed_each = CHANGES_EACH // 4
    assert await registry.read(current_revision) == PROCESSES * (CHANGES_EACH + removed_each)
    follower.apply(await registry.read(changes_since, follower.revision))
    fresh = Roster()
    fresh.apply(await registry.read(changes_since, 0))
    assert follower.heat_pumps == fresh.heat_pumps
    assert len(fresh.heat_pumps) == PROCESSES * (CHANGES_EACH - removed_each)
    stamps = await registry.read(lambda session: list(session.scalars(select(HeatPumpRow.revision))))
    assert len(stamps) == len(set(stamps)) == PROCESSES * CHANGES_EACH


async def test_a_writer_that_looked_first_still_gets_its_turn(registry: Registry) -> None:
    """Read, then write in one transaction, many at once: none may fail or overwrite another."""

    def look_then_add(session: Session, number: int) -> int:
        before = current_revision(session)
        pump = HeatPump(f"hp{number}", f"box{number}@boxes.example")
        add_heat_pump(session, pump, hub_domain="hub.example", now=1.0)
        return before

    seen = await asyncio.gather(*(registry.run(look_then_add, number) for number in range(20)))
    assert sorted(seen) == list(range(20))


async def test_who_is_cancelled_while_he_writes_keeps_nobody_waiting(
    registry: Registry, registry_url: str
) -> None:
    """A process that ends in the middle of a change: what it does at its end needs the lock again."""
    other = await Registry.open(registry_url)
    stored = 0
    for turns in range(60):
        pump = HeatPump(f"hp-{turns}", f"box-{turns}@boxes.example")
        task = asyncio.create_task(registry.run(add_heat_pump, pump, hub_domain="hub.example", now=0.0))
        await asyncio.sleep(turns * 0.0002)
        task.cancel()
        await asyncio.wait([task])
        await other.run(
            add_heat_pump, HeatPump(f"other-{turns}", f"other-{turns}@boxes.example"),
            hub_domain="hub.example", now=0.0,
        )  # fmt: skip
        stored += 1
    await other.close()
    assert await registry.read(current_revision) >= stored
