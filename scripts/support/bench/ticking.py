"""How long an event loop stands still: a task that wants to go on every millisecond, and when it could not.

``python -m support.bench.ticking CONFIG FILE`` is ``hphub run --only router --only ops`` with such a task;
when it ends, FILE has the stalls as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from hub import start
from hub.config import HubConfig

TICK = 0.001
"""Seconds that the task sleeps."""
NOTED = 0.005
"""Seconds from which on a stall is noted: shorter ones nobody feels."""


class Stall(NamedTuple):
    """The loop stood still: when that was over (seconds since 1970 UTC), how long, and how much of that the
    process had a processor: the rest it waited for others on the machine, or for the disk.
    """

    at: float
    seconds: float
    cpu_seconds: float


async def tick(stalls: list[Stall]) -> None:
    """Note the stalls of this loop until cancelled."""
    clock = asyncio.get_running_loop().time
    while True:
        due, before = clock() + TICK, time.process_time()
        await asyncio.sleep(TICK)
        late = clock() - due
        if late >= NOTED:
            stalls.append(Stall(time.time(), late, time.process_time() - before))


def longest(stalls: Iterable[Stall], begin: float, end: float) -> list[Stall]:
    """The stalls between two moments, the longest first; there is always one."""
    found = sorted((one for one in stalls if begin <= one.at <= end), key=lambda one: -one.seconds)
    return found or [Stall(end, NOTED, 0.0)]


async def _run(config: HubConfig) -> list[Stall]:
    stalls: list[Stall] = []
    ticking = asyncio.create_task(tick(stalls))
    await start.run(config, (start.ROUTER, start.OPERATIONS))
    ticking.cancel()
    return stalls


if __name__ == "__main__":
    found = asyncio.run(_run(HubConfig.load(Path(sys.argv[1]))))
    Path(sys.argv[2]).write_text(json.dumps(found))
