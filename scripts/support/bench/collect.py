"""5-minute reports from boxes into the history, beside the same stanzas received and dropped."""

from __future__ import annotations

import asyncio
import mmap
import os
import secrets
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from sqlalchemy import text

from hub.database import open_engine, reading
from hub.history import HISTORY_SCHEMA
from support.bench.component import connect
from support.bench.dropping import OCTETS
from support.bench.numbers import middle, paired
from support.bench.processes import CpuMeter, children
from support.bench.reporting import Boxes
from support.bench.router import bottleneck
from support.bench.world import (
    BOXES,
    FLOOR,
    HUB,
    Programs,
    ServerName,
    hub_folder,
    pid_of,
    port_of,
    server_of,
)
from support.postgresql import PostgresqlServer
from support.scene import HISTORY, PROGRAMS

AIM_SHARE = 0.85
"""Of the rate at which Prosody, which is slower than the collector, brings the same stanzas to a program that
drops them."""
AIM_PER_SECOND = 1_720
"""With ejabberd: twice what 258,000 boxes report."""
HEAT_PUMPS = 1_000
"""Boxes that report in turn."""
PACE = 1_000
"""Boxes a second that are set up, the most there may be."""
DATABASES = ("sqlite", "postgresql")
PATIENCE = 120.0
"""Seconds for all boxes to be set up."""
_COUNT = "SELECT coalesce(sum(samples), 0) FROM series_state"
_TO_FLOOR = f"collector@{FLOOR}/floor".encode()

Arrived: TypeAlias = Callable[[], Awaitable[int]]


@dataclass(slots=True)
class _World:
    """Everything but a collector runs."""

    folder: Path
    server: str
    programs: Programs
    secrets: dict[str, str]
    boxes_port: int
    collector_port: int
    pids: dict[str, int | tuple[int, ...]]
    dropped: mmap.mmap


def run(server: ServerName, seconds: float, runs: int, heat_pumps: int = HEAT_PUMPS) -> dict[str, Any]:
    """Measure ``runs`` times ``seconds`` with each kind of database, floor and collector in turn."""
    with _running(server) as world:
        boxes = Boxes(BOXES, heat_pumps)
        results: dict[str, Any] = {"server": world.server}
        for database in DATABASES:
            with _history(database, world.folder) as (url, pids):
                results[database] = asyncio.run(_measure(world, boxes, url, pids, seconds, runs))
    return results


@contextmanager
def _running(server: ServerName) -> Iterator[_World]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hpbench-")))
        secrets_of = {name: secrets.token_hex(32) for name in (HUB, HISTORY, FLOOR, BOXES)}
        xmpp, version = server_of(server, folder / server, secrets_of)
        stack.enter_context(xmpp)
        programs = Programs(folder)
        stack.callback(programs.stop)
        counter = folder / "dropped"
        counter.write_bytes(bytes(OCTETS))
        opened = stack.enter_context(counter.open("r+b"))
        dropped = stack.enter_context(mmap.mmap(opened.fileno(), OCTETS))
        module = [sys.executable, "-m", "support.bench.dropping"]
        floor = [*module, str(port_of(xmpp, FLOOR)), FLOOR, str(counter)]
        programs.start("floor", floor, [secrets_of[FLOOR]], "ready")
        pids: dict[str, int | tuple[int, ...]] = {server: pid_of(xmpp), "boxes": os.getpid()}
        yield _World(
            folder, f"{server} {version}", programs, secrets_of,
            port_of(xmpp, BOXES), port_of(xmpp, HISTORY), {**pids, **programs.pids}, dropped,
        )  # fmt: skip


@contextmanager
def _history(database: str, folder: Path) -> Iterator[tuple[str, Callable[[], dict[str, tuple[int, ...]]]]]:
    """An empty history: its URL, and what gives the processes of its server."""
    if database == "sqlite":
        url = f"sqlite+aiosqlite:///{folder}/history.db"
        asyncio.run(HISTORY_SCHEMA.upgrade(url))
        yield url, dict
        return
    with PostgresqlServer() as server:
        asyncio.run(HISTORY_SCHEMA.upgrade(server.url))
        assert server.pid is not None, "it was started"
        yield server.url, partial(_family, server.pid)


def _family(pid: int) -> dict[str, tuple[int, ...]]:
    return {"postgresql": (pid, *children(pid))}


async def _measure(
    world: _World, boxes: Boxes, url: str, database: Callable[[], dict[str, tuple[int, ...]]],
    seconds: float, runs: int,
) -> dict[str, Any]:  # fmt: skip
    component = await connect(BOXES, world.secrets[BOXES], world.boxes_port, boxes.take)
    boxes.write = component.write
    boxes.begin()
    name = f"collector {'sqlite' if url.startswith('sqlite') else 'postgresql'}"
    _start_collector(world, name, url, len(boxes))
    try:
        async with _stored(url) as stored, asyncio.timeout(PATIENCE) as patience:
            await boxes.all_enabled.wait()
            patience.reschedule(None)
            pids = world.pids | database() | {"collector": world.programs.pids[name]}
            return await _in_turn(world, boxes, stored, pids, seconds, runs)
    finally:
        await asyncio.to_thread(world.programs.end, name)
        component.close()


async def _in_turn(
    world: _World, boxes: Boxes, stored: Arrived, pids: dict[str, int | tuple[int, ...]],
    seconds: float, runs: int,
) -> dict[str, Any]:  # fmt: skip
    async def dropped() -> int:
        return int.from_bytes(world.dropped[:OCTETS])

    rates: dict[str, list[dict[str, float]]] = {"floor": [], "collector": []}
    busy: dict[str, list[dict[str, float]]] = {"floor": [], "collector": []}
    octets = 0
    for _ in range(runs):
        for receiver, arrived, to in (("floor", dropped, _TO_FLOOR), ("collector", stored, None)):
            meter = CpuMeter(pids)
            count, taken = await boxes.pour(to, arrived, seconds)
            busy[receiver].append(meter.busy())
            rates[receiver].append({"per_second": count / taken})
            octets = len(boxes.report(_TO_FLOOR))
    share = paired(rates["collector"], rates["floor"], "per_second")
    per_second = middle(rates["collector"])["per_second"]
    cores = middle(busy["collector"])
    country = world.server.startswith("ejabberd")
    return {
        "octets": octets,
        "per_second": per_second,
        "floor_per_second": middle(rates["floor"])["per_second"],
        "share": share,
        "met": per_second >= AIM_PER_SECOND if country else share >= AIM_SHARE,
        "cores": cores,
        "floor_cores": middle(busy["floor"]),
        "cpu_us": cores["collector"] / per_second * 1e6,
        "floor_cpu_us": middle(busy["floor"])["floor"] / middle(rates["floor"])["per_second"] * 1e6,
        "bottleneck": bottleneck(cores),
    }


def _start_collector(world: _World, name: str, url: str, heat_pumps: int) -> None:
    folder = world.folder / name.replace(" ", "-")
    secrets_of = {"history": world.secrets[HISTORY], "router": world.secrets[HUB]}
    path = hub_folder(folder, secrets_of, world.collector_port, heat_pumps)
    settings = yaml.safe_load(path.read_text())
    settings["history"] = {"pace": PACE}
    settings["databases"] = settings.get("databases", {}) | {"history": url}
    path.write_text(yaml.safe_dump(settings))
    path.chmod(0o600)
    command = [str(PROGRAMS / "hphub"), "run", "--only", "collector", "--config", str(path)]
    world.programs.start(name, command, [], "link to the XMPP server is up")


@asynccontextmanager
async def _stored(url: str) -> AsyncIterator[Arrived]:
    """What tells how many samples are in the history."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.partition(":///")[2])) as history:

            async def count_rows() -> int:
                return int(history.execute(_COUNT).fetchone()[0])

            yield count_rows
        return
    engine = open_engine(url)
    try:
        async with reading(engine).connect() as connection:

            async def ask() -> int:
                answer = await connection.execute(text(_COUNT))
                await connection.rollback()
                return int(answer.scalar_one())

            yield ask
    finally:
        await engine.dispose()
