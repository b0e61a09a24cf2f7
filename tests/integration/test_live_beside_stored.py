"""After an outage of 30 days all is stored, in order, and who watches the box meanwhile sees it live."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

from history_backlog import fill
from history_world import FIVE_MINUTES, HistoryWorld, box_name, heat_pump
from raw_operator import configure
from raw_party import until

from service_provider import Presence, ServiceProvider
from support.ports import LOOPBACK
from support.prosody import ProsodyInstall
from support.scene import HUB, PROVIDER_JID, Scene

DAYS = int(os.environ.get("HISTORY_DAYS", "3"))
"""Days the box was away: in the gate a tenth of the thirty that it is made for, which take two minutes."""
ENTRIES = DAYS * 86_400 // FIVE_MINUTES
PATIENCE = 400.0
"""Seconds until all is stored, some four times what a box's pace takes; never the measure of anything."""
LOOK = 2.0
"""Seconds between two looks at the history while it fills."""
REPORTS = 25
"""Live reports before the backlog begins to flow: some 5 s."""


@asynccontextmanager
async def watching(scene: Scene) -> AsyncIterator[list[tuple[float, float]]]:
    """A provider's URCB of all measurements: when each report came, and how long after its entry was made."""
    seen: list[tuple[float, float]] = []
    provider = ServiceProvider(
        f"{PROVIDER_JID}/desk",
        scene.passwords[PROVIDER_JID],
        hub=HUB,
        host=LOOPBACK,
        port=scene.prosody.c2s_port,
        ca_file=scene.prosody.ca_file,
    )

    async def watch() -> None:
        async with aclosing(provider.reports(heat_pump(1), dataset="dsMeas")) as reports:
            async for report in reports:
                assert report.time is not None
                assert not report.missed
                now = time.time()
                seen.append((now, now - report.time.timestamp()))

    async with provider:
        await until(lambda: provider.presence_of(heat_pump(1)) is Presence.ONLINE)
        task = asyncio.create_task(watch())
        try:
            yield seen
            assert not task.done(), task.exception()
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def test_live_reports_flow_while_thirty_days_drain(
    prosody_install: ProsodyInstall, tmp_path: Path
) -> None:
    scene = Scene(tmp_path / "world", prosody_install)
    try:
        scene.start_server()
        configure(scene, history={"interval": FIVE_MINUTES})
        world = HistoryWorld(scene, FIVE_MINUTES)
        await asyncio.to_thread(world.introduce, 1)
        last = await asyncio.to_thread(fill, world.box_folder(1) / "buffer.db", ENTRIES)
        router = world.start_hub("router")
        await until(lambda: "link to the XMPP server is up" in router.log)
        world.start_box(1, scene.prosody.c2s_port)
        async with watching(scene) as seen:
            await until(lambda: len(seen) > REPORTS, PATIENCE)
            began, before = time.time(), [latency for _, latency in seen[1:]]
            world.start_hub("collector")
            drained, within = await all_of(world, last)
        during = [latency for at, latency in seen if began < at <= drained]
        await asyncio.to_thread(scene.programs[box_name(1)].stop)
        kept = world.kept(1)
        stored = (await world.stored())[heat_pump(1)]
        assert len(kept) >= ENTRIES
        assert stored == kept[: len(stored)]
        assert [sample.power for sample in stored[:ENTRIES]] == [float(one) for one in range(ENTRIES)]
        assert within, "nothing was seen of its order"
        print(f"{ENTRIES} entries of {DAYS} days stored in {drained - began:.0f} s")
        for when, latencies in (("before", before), ("while they drained", during)):
            assert latencies, f"no live report {when}"
            median, most = statistics.median(latencies), max(latencies)
            print(
                f"live reports {when}: {len(latencies)}, median {median * 1e3:.1f} ms, at most {most:.3f} s"
            )
    finally:
        await asyncio.to_thread(scene.close)


async def all_of(world: HistoryWorld, last: int) -> tuple[float, int]:
    """Wait until the history has got to ``last``; what is there is at each look the oldest, without a gap.

    Returns when that was, and how many looks found a part.
    """
    within = 0
    async with asyncio.timeout(PATIENCE):
        while True:
            stored = (await world.stored()).get(heat_pump(1), [])
            powers = [sample.power for sample in stored if sample.interval <= last]
            assert powers == [float(number) for number in range(len(powers))]
            if stored and stored[-1].interval >= last:
                return time.time(), within
            within += bool(stored)
            await asyncio.sleep(LOOK)
