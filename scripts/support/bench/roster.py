"""100,000 grants that end at one instant: how long does the hub stand still? And audit rows a second."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import connect
from typing import Any

from iec61850_model.mms import xer
from iec61850_model.mms.pdu import ConfirmedResponse, GetNameListResponse, Payload
from support.bench import auditing
from support.bench.filling import fill, fill_ends
from support.bench.ticking import Stall, longest, tick
from support.bench.world import BOXES, PROVIDERS, Programs, WorldError, new_hub
from support.ports import free_port

AIM_STALL = 0.1
"""Seconds that the hub's event loop may stand still."""
PACE = 5_000
"""Presence stanzas a second: what is measured begins when all are known. Operations has its usual pace."""
KNOWN_WITHIN = 900.0
"""Seconds in which the hub is to know all boxes and to have told all providers, or the bench gives up."""
NOTICE = 3.0
"""Seconds until the end of the grants, from when it is being written into the registry, and"""
NOTICE_RATE = 2_000
"""grants a second more."""
WITHIN = 300.0
"""Seconds after the end of the grants in which all is told and written, or the bench gives up."""
AFTER = 2.0
"""Seconds that are looked at after the last was told: operations still has the boxes to do."""
POLL = 0.2


@dataclass(frozen=True)
class Size:
    """How much is in the roster, and how many of the grants end."""

    heat_pumps: int = 258_000
    providers: int = 300
    grants: int = 258_000
    ending: int = 100_000


def run(seconds: float, runs: int, size: Size | None = None) -> dict[str, Any]:
    """Measure one expiry, and the audit ``runs`` times for ``seconds``."""
    size = size or Size()
    return {
        "heat_pumps": size.heat_pumps,
        "providers": size.providers,
        "grants": size.grants,
        "ending": size.ending,
        "expiry": _expiry(size),
        "audit": auditing.run(seconds, runs),
    }


def _expiry(size: Size) -> dict[str, Any]:
    """Router and operations in one process, as ``hphub run`` has them, all boxes and providers online."""
    with tempfile.TemporaryDirectory(prefix="hpbench-") as name:
        folder = Path(name)
        port, secret = free_port(), secrets.token_hex(32)
        config = new_hub(
            folder / "hub",
            {"router": secret, "operations": secret},
            port,
            {"presence": {"pace": PACE}},
        )
        registry = config.parent / "registry.db"
        fill(
            registry, boxes=BOXES, provider_jid=lambda number: f"control{number}@{PROVIDERS}",
            heat_pumps=size.heat_pumps, providers=size.providers, grants=size.grants,
        )  # fmt: skip
        programs = Programs(folder)
        try:
            return asyncio.run(_watched(programs, config, port, size))
        finally:
            programs.stop()


async def _watched(programs: Programs, config: Path, port: int, size: Size) -> dict[str, Any]:
    """The floor is the longest stall of this program's own loop, which only waits."""
    own: list[Stall] = []
    ticking = asyncio.create_task(tick(own))
    module = [sys.executable, "-m"]
    answer = xer.encode_payload(Payload(ConfirmedResponse(1, GetNameListResponse(("HP",), False))))
    board = [*module, "support.bench.switchboard", str(port), BOXES, PROVIDERS]
    await asyncio.to_thread(programs.start, "switchboard", board, [answer], "ready")
    registry, stalls_file = config.parent / "registry.db", config.parent / "stalls.json"
    hub = [*module, "support.bench.ticking", str(config), str(stalls_file)]
    await asyncio.to_thread(programs.start, "hub", hub, [], "router starts")
    await _until(lambda: _told(programs)[0] >= size.grants, time.time(), KNOWN_WITHIN, programs)
    ends = time.time() + NOTICE + size.ending / NOTICE_RATE
    await asyncio.to_thread(fill_ends, registry, size.ending, ends)
    if time.time() > ends:
        raise WorldError("the grants ended before the hub knew that they would")
    await asyncio.sleep(ends - time.time())
    marked, told = await asyncio.gather(
        _until(lambda: not _to_end(registry), ends, WITHIN, programs),
        _until(lambda: _told(programs)[1] >= size.ending, ends, WITHIN, programs),
    )
    await asyncio.sleep(AFTER)
    end = time.time()
    ticking.cancel()
    await asyncio.to_thread(programs.end, "hub")
    stalls = [Stall(*one) for one in json.loads(stalls_file.read_text())]
    found = longest(stalls, ends, end)
    return {
        "longest_stall_ms": found[0].seconds * 1e3,
        "most_processor_ms": max(one.cpu_seconds for one in found) * 1e3,
        "floor_longest_stall_ms": longest(own, ends, end)[0].seconds * 1e3,
        "stalls_over_aim": sum(one.seconds > AIM_STALL for one in found),
        "marked_after_s": marked,
        "told_after_s": told,
        "met": found[0].seconds <= AIM_STALL,
    }


async def _until(reached: Callable[[], bool], since: float, within: float, programs: Programs) -> float:
    while not await asyncio.to_thread(reached):
        if time.time() - since > within:
            raise WorldError(f"after {within:.0f} s it is not over:\n{programs.log_end('hub')}")
        await asyncio.sleep(POLL)
    return time.time() - since


def _told(programs: Programs) -> tuple[int, int]:
    """How many presences of heat pumps have reached providers: that they are there, and that they went."""
    said = [line for line in programs.said("switchboard").splitlines() if line.startswith("told ")]
    there, gone = map(int, said[-1].split()[1:]) if said else (0, 0)
    return there, gone


def _to_end(registry: Path) -> int:
    with closing(connect(registry)) as connection:
        return int(connection.execute("SELECT count(*) FROM steering WHERE ends IS NOT NULL").fetchone()[0])
