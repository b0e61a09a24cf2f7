"""Operates to very many heat pumps, all answered, one by one and by one message to their group, beside the
same one by one through the relay.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from statistics import median
from typing import Any

from iec61850_model.mms import xer
from support.bench import messages
from support.bench.calling import Caller
from support.bench.component import connect
from support.bench.filling import heat_pump_id
from support.bench.group_calling import GroupCaller
from support.bench.numbers import middle
from support.bench.processes import CpuMeter
from support.bench.router import bottleneck
from support.bench.world import FLOOR, GROUP, HUB, PROVIDER, PROVIDERS, ServerName, World, running

OPERATES = 10_000
"""Addresses that are operated once each."""
WINDOW = 1_000
"""Operates on their way at once."""
AIM = 1.5
"""The router may take this many times the floor's time."""
GROUP_AIM = 1.3
"""And this many for one message to the group of all of them."""
LONGEST = 300.0
"""Seconds after which no more are sent: the measurement has failed then."""


def run(server: ServerName, runs: int, operates: int = OPERATES) -> dict[str, Any]:
    """Operate every heat pump once, ``runs`` times, floor and router in turn."""
    with running(server, operates) as world:
        return asyncio.run(_measure(world, runs, operates))


async def _measure(world: World, runs: int, operates: int) -> dict[str, Any]:
    caller, group_caller = Caller(), GroupCaller()

    def take(data: bytes) -> None:
        caller.take(data)
        group_caller.take(data)

    component = await connect(PROVIDERS, world.secret, world.provider_port, take)
    caller.write = group_caller.write = component.write
    taken: dict[str, list[float]] = {FLOOR: [], HUB: [], GROUP: []}
    busy: dict[str, list[dict[str, float]]] = {FLOOR: [], HUB: [], GROUP: []}
    for _ in range(runs):
        for domain in (FLOOR, HUB):
            meter = CpuMeter(world.pids)
            sample = await caller.measure(_operates(domain, operates), WINDOW, LONGEST)
            if len(sample.latencies) != operates:
                raise AssertionError(f"{len(sample.latencies)} of {operates} operates were answered")
            taken[domain].append(sample.seconds)
            busy[domain].append(meter.busy())
        meter = CpuMeter(world.pids)
        taken[GROUP].append(await group_caller.measure(*_to_group(operates), LONGEST))
        busy[GROUP].append(meter.busy())
    return {
        "server": world.server_version,
        "operates": operates,
        "floor_seconds": median(taken[FLOOR]),
        **_beside_floor(taken, busy, HUB, AIM, operates),
        "group": _beside_floor(taken, busy, GROUP, GROUP_AIM, operates),
    }


def _beside_floor(
    taken: dict[str, list[float]],
    busy: dict[str, list[dict[str, float]]],
    what: str,
    aim: float,
    operates: int,
) -> dict[str, Any]:
    ratio = median(ours / floor for ours, floor in zip(taken[what], taken[FLOOR], strict=True))
    cores, floor_cores = middle(busy[what]), middle(busy[FLOOR])
    return {
        "hub_seconds": median(taken[what]),
        "ratio": ratio,
        "met": ratio <= aim,
        "cores": cores,
        "floor_cores": floor_cores,
        "cpu_us": cores["hub"] * median(taken[what]) / operates * 1e6,
        "floor_cpu_us": floor_cores["floor"] * median(taken[FLOOR]) / operates * 1e6,
        "bottleneck": bottleneck(cores),
    }


def _to_group(members: int) -> tuple[bytes, bytes, set[bytes]]:
    """What stands before and behind the id of the message, and the addresses that are to answer."""
    operate = replace(messages.operate_request(time.time()), association=None)
    inner = xer.encode_payload(operate)
    behind = f'" from="{PROVIDER}/desk1" to="{GROUP}@{HUB}">{inner}</message>'.encode()
    addresses = {f"{heat_pump_id(number)}@{HUB}/IEC".encode() for number in range(members)}
    return b'<message type="normal" id="', behind, addresses


def _operates(domain: str, count: int) -> Iterator[tuple[bytes, bytes, bytes]]:
    inner = xer.encode_payload(messages.operate_request(time.time()))
    for number in range(count):
        to = f"{heat_pump_id(number)}@{domain}/IEC"
        yield b'<iq type="set" id="', b'"', f' from="{PROVIDER}/desk1" to="{to}">{inner}</iq>'.encode()
