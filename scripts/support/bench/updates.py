"""Updates of a box's model with reports and a log that hear them, beside a model that nobody listens to."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from device_agent.buffer import Buffers
from iec61850_model.client import Client
from iec61850_model.mms.pdu import Payload
from iec61850_model.mms.xer import encode_payload
from iec61850_model.reference import Reference
from iec61850_model.scl import Model, read_model
from iec61850_model.server import Incoming, Moment, Reply, Send, Server
from iec61850_model.tree import Tree, Update
from iec61850_model.values import GOOD, Timestamp
from support.scene import MODEL

PEER = "agg@hub.example.org/bench"
LIVE, STATES, AVERAGES = "MET/LLN0.urcbMeas01", "LD0/LLN0.brcbStat01", "AVG/LLN0.brcbAvg01"
KEPT = "MET/LLN0.brcbMeas01"
LOADS = {
    "live": (LIVE, STATES, AVERAGES),
    "all kept": (KEPT, STATES, AVERAGES),
}
"""What is enabled. ``all kept``: the measurements go through a BRCB, so that every moment is on the disk."""
STATE = Reference.parse("HP/HpGGIO1.Ind1")
STATE_EVERY, AVERAGES_EVERY = 60, 300
"""Moments (seconds of the box) between two changes of state, and between two sets of averages."""
CHUNK = 0.1
"""Seconds of one stretch; model alone and model with server take turns, so that both see the same machine."""
BUFFER_OCTETS = 200_000_000
START = 1_800_000_000.0


@dataclass(slots=True)
class _Box:
    """A model that is updated, with a server over it or none. ``reports`` counts what is sent."""

    tree: Tree
    server: Server | None = None
    association: str = ""
    reports: int = 0
    octets: int = 0
    updates: int = 0
    now: float = START
    measured: list[Reference] = field(default_factory=list)
    averaged: list[Reference] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.measured, self.averaged = (_measurands(self.tree, device) for device in ("MET", "AVG"))

    def moment(self, step: int) -> None:
        """What one second brings: all measurements at once, now and then a state or the averages."""
        self.now += 1
        time_stamp, value = Timestamp.from_unix(self.now), float(step % 1000)
        self._update([Update(one, value, GOOD, time_stamp) for one in self.measured])
        if step % STATE_EVERY == 0:
            if self.server is not None:  # the client shows that it is there
                self.server.associations.use(PEER, self.association, self.now)
            self._update([Update(STATE, step // STATE_EVERY % 2 == 0, GOOD, time_stamp)])
        if step % AVERAGES_EVERY == 0:
            self._update([Update(one, value, GOOD, time_stamp) for one in self.averaged])

    def _update(self, updates: list[Update]) -> None:
        self.tree.update_all(updates)
        self.updates += len(updates)
        if self.server is None:
            return
        for effect in self.server.tick(Moment(self.now)):
            assert isinstance(effect, Send)
            self.octets += len(encode_payload(effect.payload))
            self.reports += 1


class _Direct:
    """A client's transport straight into a server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._tokens = count()

    async def request(self, peer: str, payload: Payload) -> Payload:
        del peer
        effects = self._server.handle(Incoming(PEER, next(self._tokens), payload, 0), Moment(START))
        return next(effect.payload for effect in effects if isinstance(effect, Reply))


def run(seconds: float) -> dict[str, Any]:
    """Measure each load for ``seconds``: updates of data objects a second, and how many times the floor's
    time each takes."""
    return {name: _load(blocks, seconds) for name, blocks in LOADS.items()}


def _load(blocks: tuple[str, ...], seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="hpbench-") as folder:
        buffers = Buffers(Path(folder) / "buffer.db", BUFFER_OCTETS, time.time)
        buffers.open()
        try:
            model = _model()
            served = _Box(model.tree, Server(model.tree, model.blocks, buffers.of))
            asyncio.run(_enable(served, blocks))
            return _measured(served, _Box(_model().tree), seconds)
        finally:
            buffers.close()


def _model() -> Model:
    return read_model(MODEL.read_bytes())


async def _enable(box: _Box, blocks: tuple[str, ...]) -> None:
    assert box.server is not None
    client = Client(_Direct(box.server))
    box.association = (await client.associate("box")).id
    for block in blocks:
        reference = Reference.parse(block)
        if block == KEPT:
            await client.reports.enable("box", reference, dat_set="MET/LLN0$dsMeas", buf_tm=0)
        else:
            await client.reports.enable("box", reference)


def _measured(served: _Box, alone: _Box, seconds: float) -> dict[str, Any]:
    steps = count()
    ours: list[float] = []
    floor: list[float] = []
    end = perf_counter() + seconds
    while not ours or perf_counter() < end:
        ours.append(_rate(served, steps))
        floor.append(_rate(alone, steps))
    return {
        "updates_per_second": median(ours),
        "floor_updates_per_second": median(floor),
        "ratio": median(plain / mine for mine, plain in zip(ours, floor, strict=True)),
        "reports": served.reports,
        "octets_per_report": served.octets / max(served.reports, 1),
    }


def _rate(box: _Box, steps: Iterator[int]) -> float:
    """Updates a second over one stretch."""
    before, begun = box.updates, perf_counter()
    while (taken := perf_counter() - begun) < CHUNK:
        box.moment(next(steps))
    return (box.updates - before) / taken


def _measurands(tree: Tree, device: str) -> list[Reference]:
    return [
        reference
        for reference, cdc in tree.data_objects()
        if reference.ld == device and cdc in ("MV", "CMV") and tree.value_leaf(reference).triggers
    ]
