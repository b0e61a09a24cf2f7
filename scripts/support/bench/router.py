"""Reads through the router and back, beside a relay that only changes addresses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import cycle
from typing import Any

from iec61850_model.mms import xer
from support.bench import messages
from support.bench.calling import Caller, Sample
from support.bench.component import connect
from support.bench.filling import heat_pump_id
from support.bench.numbers import middle, paired, percentile
from support.bench.processes import CpuMeter
from support.bench.world import FLOOR, HUB, PROVIDER, PROVIDERS, ServerName, World, running

IN_FLIGHT = (1, 64, 256)
"""Requests on their way at once."""
AIM_P50 = 1.3
"""The router's median latency may be this many times the floor's."""
AIM_THROUGHPUT = 0.8
"""The router's throughput is to be this share of the floor's."""
HEAT_PUMPS = 1_000
"""Addresses that are read in turn."""
WARM_UP = 0.2
"""Seconds before each measurement."""
SLICE = 1.0
"""Seconds of one measurement at most: floor and router take turns, so that a machine that others slow down
now and then slows down both, and each ratio is of two neighbours."""


def run(server: ServerName, seconds: float, runs: int, heat_pumps: int = HEAT_PUMPS) -> dict[str, Any]:
    """Measure ``runs`` times ``seconds`` at each number in flight, floor and router in turn."""
    with running(server, heat_pumps) as world:
        return asyncio.run(_measure(world, seconds, runs, heat_pumps))


async def _measure(world: World, seconds: float, runs: int, heat_pumps: int) -> dict[str, Any]:
    caller = Caller()
    component = await connect(PROVIDERS, world.secret, world.provider_port, caller.take)
    caller.write = component.write
    results: dict[str, Any] = {"server": world.server_version}
    for in_flight in IN_FLIGHT:
        taken: dict[str, list[dict[str, float]]] = {FLOOR: [], HUB: []}
        busy: dict[str, list[dict[str, float]]] = {FLOOR: [], HUB: []}
        slices = max(1, round(seconds / SLICE))
        for _ in range(runs * slices):
            for domain in (FLOOR, HUB):
                reads = cycle(list(requests(domain, heat_pumps)))
                await caller.measure(reads, in_flight, WARM_UP)
                meter = CpuMeter(world.pids)
                sample = await caller.measure(reads, in_flight, seconds / slices)
                busy[domain].append(meter.busy())
                taken[domain].append(_figures(sample))
        results[f"{in_flight} in flight"] = _compared(taken, busy)
    return results


def requests(domain: str, heat_pumps: int) -> Iterator[tuple[bytes, bytes, bytes]]:
    """A read of each heat pump behind ``domain``."""
    inner = xer.encode_payload(messages.read_request())
    for number in range(heat_pumps):
        to = f"{heat_pump_id(number)}@{domain}/IEC"
        yield b'<iq type="get" id="', b'"', f' from="{PROVIDER}/desk1" to="{to}">{inner}</iq>'.encode()


def _figures(sample: Sample) -> dict[str, float]:
    return {
        "p50_ms": percentile(sample.latencies, 0.5) * 1e3,
        "p99_ms": percentile(sample.latencies, 0.99) * 1e3,
        "per_second": sample.rate,
    }


def _compared(
    taken: dict[str, list[dict[str, float]]], busy: dict[str, list[dict[str, float]]]
) -> dict[str, Any]:
    floor, hub = middle(taken[FLOOR]), middle(taken[HUB])
    p50 = paired(taken[HUB], taken[FLOOR], "p50_ms")
    throughput = paired(taken[HUB], taken[FLOOR], "per_second")
    cores = middle(busy[HUB])
    return {
        "floor": floor,
        "hub": hub,
        "p50_ratio": p50,
        "throughput_ratio": throughput,
        "met": p50 <= AIM_P50 and throughput >= AIM_THROUGHPUT,
        "cores": cores,
        "floor_cores": middle(busy[FLOOR]),
        "cpu_us": cores["hub"] / hub["per_second"] * 1e6,
        "floor_cpu_us": middle(busy[FLOOR])["floor"] / floor["per_second"] * 1e6,
        "bottleneck": bottleneck(cores),
    }


def bottleneck(cores: dict[str, float]) -> str:
    """The process that was busiest."""
    return max(cores, key=lambda name: cores[name])
