"""A box put together, with two drivers that do what a test says, and a client that asks through real XML."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_driver import FakeDriver

from device_agent import agent as agent_module
from device_agent import switching
from device_agent.agent import Agent, make_buffers
from device_agent.config import BoxConfig
from iec61850_model.client import Client, Operation
from iec61850_model.client.reports import Report
from iec61850_model.mms.carrier import Carrier, carriers
from iec61850_model.mms.pdu import Payload
from iec61850_model.mms.xer import decode_payload, encode_payload, parse
from iec61850_model.reference import Reference
from iec61850_model.values import Quality, Timestamp

ICD = Path(__file__).parents[2] / "config" / "heatpump-box.icd"
PEER = "agg7@hub.example.org/desk"
POWER, VOLTAGE, MODE = "MET/MMXU1.TotW", "MET/MMXU1.PhV.phsA", "HP/HpGGIO1.IntIn1"
EVU, SPARE, SG_READY, ROOM = (
    "HP/EvuGGIO1.SPCSO1",
    "HP/RlyGGIO1.SPCSO1",
    "HP/SgrGGIO1.ISCSO1",
    "HP/RmFSPT1.SptVal",
)
FREE = {"min_on": 0, "min_off": 0, "starts_per_hour": 10_000, "starts_per_day": 10_000}
"""A relay that may be switched as often as a test likes."""
FREE_STATES = {"hold": 0, "block_pause": 0, "starts_per_hour": 10_000, "blocks_per_day": 10_000}
OUTPUTS: dict[str, Any] = {
    EVU: {"relay": "a.evu", "max_on": 3600} | FREE,
    SPARE: {"relay": "b.spare"} | FREE,
    SG_READY: {"sg_ready": ["a.one", "a.two"]} | FREE_STATES,
    ROOM: {"set_point": "b.room"},
}
PATIENCE = 10.0
"""Seconds until a test gives up waiting; never the measure of anything."""


class NoLink:
    """Stands in for ``Link``: a box without a network."""

    def __init__(self, *_arguments: object) -> None:
        self.online = False
        self.running = False
        self.sent: list[tuple[str, Payload]] = []
        self.hub_answers = True
        self.asked = 0
        self.on_heartbeat: Callable[[], None] = lambda: None

    def send(self, peer: str, payload: Payload) -> None:
        self.sent.append((peer, payload))

    def ask_hub(self) -> None:
        self.asked += 1
        if self.hub_answers:
            self.on_heartbeat()

    def start(self) -> None:
        self.running = self.online = True

    async def stop(self) -> None:
        self.running = self.online = False


class Box:
    """An agent with two fake drivers, a and b."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.a = FakeDriver({"power": 1500.0, "mode": 1}, ["evu", "one", "two"])
        self.b = FakeDriver({"voltage": 230.0}, ["spare", "room"])
        self.drivers = {"a": self.a, "b": self.b}
        points = {POWER: "a.power", MODE: "a.mode", VOLTAGE: "b.voltage"}
        config = {
            "jid": "box1@boxes.example.org",
            "password_file": "password",
            "hub": "hub.example.org",
            "model": str(ICD),
            "clock": "trusted",
            "sample_every": 0.2,
            "drivers": {"a": {"kind": "a"}, "b": {"kind": "b"}},
            "points": points,
            "outputs": OUTPUTS,
        }
        path = folder / "box.yaml"
        path.write_text(yaml.safe_dump(config | changes))
        self.config = BoxConfig.load(path)
        self.buffers = make_buffers(self.config)
        self.peer = PEER
        self.client = Client(self)
        self.link: NoLink | None = None
        self.last_answer: list[Payload] = []

    def make(self) -> Agent:
        self.agent = Agent(self.config, self.buffers)
        return self.agent

    # --- Transport of the client

    async def request(self, peer: str, payload: Payload) -> Payload:
        xml = encode_payload(payload)
        async with asyncio.timeout(PATIENCE):
            answers = await self.agent._serving.request(self.peer, decode_payload(parse(xml)), len(xml))
        self.last_answer = [decode_payload(parse(encode_payload(one))) for one in answers]
        (answer,) = [one for one in self.last_answer if carriers(one.pdu)[0] is not Carrier.MESSAGE]
        for message in self.last_answer:
            if message is not answer:
                self.client.receive(peer, message)
        return answer

    # --- what a client sees and does

    def reports(self) -> list[Report]:
        """All reports that were sent to him since this was last asked."""
        found: list[Report] = []
        self.client.reports.on_report = [lambda _peer, report: found.append(report)]
        link: Any = self.agent._link
        for peer, payload in link.sent:
            if peer == self.peer:
                assert self.client.reports.receive("box", decode_payload(parse(encode_payload(payload))), 0.0)
        link.sent.clear()
        return found

    def shown(self, reference: str) -> tuple[Any, Quality, Timestamp]:
        return self.agent.tree.read(Reference.parse(reference))

    def attribute(self, reference: str) -> Any:
        node = self.agent.tree.find(Reference.parse(reference))
        assert node is not None
        return node.data().value

    async def operate(self, reference: str, value: object, *, number: int = 1, **options: Any) -> None:
        operation = Operation(value, now=time.time(), ctl_num=number, or_ident=b"me", **options)
        await self.client.operate("box", Reference.parse(reference), operation)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - what is waited for may be anything
                await asyncio.sleep(0.01)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Agent]:
        self.buffers.open()
        agent = self.make()
        task = asyncio.create_task(agent.run())
        try:
            link = agent._link
            await self.until(lambda: link.online or task.done())
            if task.done():
                task.result()
            yield agent
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=PATIENCE)
            assert task.done(), "the box does not end"
            self.buffers.close()


def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Box:
    made = Box(tmp_path, **changes)
    monkeypatch.setattr(agent_module, "make_driver", lambda kind, _rest, _clock: made.drivers[kind])
    monkeypatch.setattr(agent_module, "Link", NoLink)
    monkeypatch.setattr(switching, "RELAY_TICK", 0.02)
    monkeypatch.setattr(agent_module, "HOUSEKEEPING", 0.02)
    return made
