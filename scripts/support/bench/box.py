"""One box: updates of its model, and what a running ``hpbox`` takes of processor, memory and SD card."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from hub.cli import main as hphub
from service_provider import Presence, ServiceProvider
from support.bench import updates
from support.bench.processes import cpu_seconds, peak_memory, written_octets
from support.ports import LOOPBACK
from support.scene import (
    HUB,
    MODEL,
    PROVIDER_JID,
    Scene,
    SceneError,
    box_jid,
    simulated,
    simulated_outputs,
    simulated_points,
)

AIM_CPU = 0.01
"""Part of a core."""
AIM_OCTETS = 100_000_000
"""Resident memory."""
INTERVAL = 300
"""Seconds of a cycle: the averages of the shipped model."""
SHORT_INTERVAL = 1
"""Seconds of the interval with which the cost of one report to the collector is found."""
SAMPLE_EVERY = 1.0
"""Seconds between two samples: as shipped."""
RUNS_LONGER = 4
"""A box is looked at so many times as long as the other measurements: it is idle most of the time."""
MIN_SECONDS = 1.0
SETTLE = 3.0
"""Seconds after the last part is up before a box is looked at."""
PATIENCE = 90.0
"""Seconds for a box to come up and for its first report to be stored."""
DAY = 86_400
BOXES = {1: INTERVAL, 2: SHORT_INTERVAL}
"""Two boxes and the seconds of their averages."""
LONG_AGO = "2020-01-01"
WATCHED = ("dsMeas", "dsStat")
"""Data sets that a provider has reported to him live; the collector has the third report control block."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """What a box took in a stretch of time; ``stored``: its reports that got into the history."""

    seconds: float
    cpu: float
    written: int
    stored: int

    @property
    def share(self) -> float:
        """Part of a core."""
        return self.cpu / self.seconds


def run(seconds: float) -> dict[str, Any]:
    """Updates for ``seconds`` a load; then hub, collector, a provider and two boxes on Prosody.

    A cycle of 5 minutes is not waited for: a box is looked at between two averages, and beside it one that
    has averages each second. The difference is what an average and its report cost; a cycle has one of them.
    Raises ProsodyUnavailableError, SceneError.
    """
    longer = max(MIN_SECONDS, RUNS_LONGER * seconds)
    with _scene() as scene:
        (alone, busy), watched = asyncio.run(_alone_and_watched(scene, longer))
        peak = max(peak_memory(_pid(scene, box)) for box in BOXES)
    reports = max(busy.stored, 1)
    cpu = max(busy.cpu - alone.share * busy.seconds, 0.0) / reports
    written = max(busy.written - alone.written / alone.seconds * busy.seconds, 0.0) / reports
    share = alone.share + cpu / INTERVAL
    return {
        "updates": updates.run(seconds),
        "seconds": longer,
        "cpu_share": share,
        "watched_cpu_share": watched.share + cpu / INTERVAL,
        "cpu_ms_per_average": cpu * 1000,
        "peak_octets": peak,
        "written_per_average": written,
        "written_per_day": alone.written / alone.seconds * DAY + written * DAY / INTERVAL,
        "met": share <= AIM_CPU and peak <= AIM_OCTETS,
    }


@contextmanager
def _scene() -> Iterator[Scene]:
    """All parts run; the collector has both boxes' reports enabled, and stored one of the busy one."""
    with tempfile.TemporaryDirectory(prefix="hpbench-") as folder:
        scene = Scene(Path(folder) / "scene")
        try:
            scene.start_server()
            scene.configure_hub(history={"interval": SHORT_INTERVAL})
            _operator(scene, "provider", "add", "agg", "--jid", PROVIDER_JID)
            for box in BOXES:
                _operator(scene, "heatpump", "add", _heat_pump(box), "--box", box_jid(box))
                rights = ("--right", "read", "--right", "history", "--purpose", "operation")
                _operator(scene, "grant", "add", "agg", _heat_pump(box), *rights, "--from", LONG_AGO)
            scene.start_hub()
            collector = scene.start_collector()
            for box, interval in BOXES.items():
                _start_box(scene, box, interval)
            scene.wait_for("a stored report", lambda: _stored(scene) > 0, collector, PATIENCE)
            time.sleep(SETTLE)
            yield scene
        finally:
            scene.close()


def _operator(scene: Scene, *arguments: str) -> None:
    """A command of the operator, in this process: one of its own takes most of its time to start."""
    done = CliRunner().invoke(hphub, list(arguments), env=scene.hub_environment)
    if done.exit_code:
        raise SceneError(f"hphub {' '.join(arguments)}: exit code {done.exit_code}\n{done.output}")


def _start_box(scene: Scene, number: int, interval: int) -> None:
    model = scene.directory / f"box{number}.icd"
    model.write_text(_model(interval))
    more = {"model": str(model), "sample_every": SAMPLE_EVERY, "buffer": {"report_delay": 0}}
    scene.start_box(number, simulated(), simulated_points(), simulated_outputs(), more=more)


def _model(interval: int) -> str:
    model, per = MODEL.read_text(encoding="utf-8"), "<Val>{}</Val>"
    assert model.count(per.format(INTERVAL * 1000)) == 1, "the model says the interval once"
    return model.replace(per.format(INTERVAL * 1000), per.format(interval * 1000))


async def _alone_and_watched(scene: Scene, seconds: float) -> tuple[list[_Taken], _Taken]:
    alone = await asyncio.to_thread(_look, scene, seconds)
    async with _watching(scene):
        await asyncio.sleep(min(SETTLE, seconds))
        return alone, (await asyncio.to_thread(_look, scene, seconds))[0]


@asynccontextmanager
async def _watching(scene: Scene) -> AsyncIterator[None]:
    """A provider to whom all measurements and states are reported; nothing he heard of is an error here."""
    provider = ServiceProvider(
        f"{PROVIDER_JID}/desk",
        scene.passwords[PROVIDER_JID],
        hub=HUB,
        host=LOOPBACK,
        port=scene.xmpp_server.c2s_port,
        ca_file=scene.xmpp_server.ca_file,
    )
    heard = {data_set: asyncio.Event() for data_set in WATCHED}

    async def watch(data_set: str) -> None:
        async with aclosing(provider.reports(_heat_pump(1), dataset=data_set)) as reports:
            async for _ in reports:
                heard[data_set].set()

    async with provider, asyncio.TaskGroup() as tasks:
        async with asyncio.timeout(PATIENCE):
            async with aclosing(provider.presence(_heat_pump(1))) as changes:
                async for change in changes:
                    if change.presence is Presence.ONLINE:
                        break
            watching = [tasks.create_task(watch(data_set)) for data_set in WATCHED]
            for event in heard.values():
                await event.wait()
        yield
        for task in watching:
            task.cancel()


def _look(scene: Scene, seconds: float) -> list[_Taken]:
    """What each box takes of the next ``seconds``."""

    def figures() -> list[tuple[float, float, int, int]]:
        return [
            (time.monotonic(), cpu_seconds(pid), written_octets(pid), _stored(scene))
            for pid in (_pid(scene, box) for box in BOXES)
        ]

    before = figures()
    time.sleep(seconds)
    return [
        _Taken(now[0] - then[0], now[1] - then[1], now[2] - then[2], now[3] - then[3])
        for now, then in zip(figures(), before, strict=True)
    ]


def _pid(scene: Scene, box: int) -> int:
    return scene.programs[f"box{box:04d}"].process.pid


def _heat_pump(box: int) -> str:
    return f"hp{box:04d}"


def _stored(scene: Scene) -> int:
    """Rows in the history: nearly all are of the box that has an average each second."""
    with closing(sqlite3.connect(scene.directory / "hub" / "history.db")) as history:
        return int(history.execute("SELECT count(*) FROM sample").fetchone()[0])
