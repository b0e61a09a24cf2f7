"""Point to multipoint as it runs: a provider, the hub and twenty boxes on a real Prosody.

In group north are hp0001 to hp0018, in group all every heat pump; agg's only grant is on north. hp0017
refuses (nothing is wired to its control), hp0018 is away.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
import yaml
from sqlalchemy.orm import Session

from device_agent.agent import Agent, make_buffers
from device_agent.config import BoxConfig
from hub.config import HubConfig
from hub.registry import Registry, add_group, add_heat_pump, add_members, add_provider
from hub.roster import HeatPump, Provider
from iec61850_model.reference import Reference
from iec61850_model.tree import Leaf
from service_provider import ControlRefused, HeatPumpOffline, MemberResult, Outcome, Presence, ServiceProvider
from support.ports import LOOPBACK
from support.prosody import ProsodyInstall
from support.scene import HUB, MODEL, PROVIDER_JID, Scene, box_jid, simulated
from tests.integration.raw_operator import FAST, configure, operator
from tests.integration.raw_party import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOXES = 20
IN_NORTH = range(1, 19)
REFUSES, AWAY = 17, 18
PATIENCE = 60.0
EVU = "HP/EvuGGIO1.SPCSO1"
STATUS = Reference.parse(f"{EVU}.stVal[ST]")
FREE = {"min_on": 0, "min_off": 0, "starts_per_hour": 10_000, "starts_per_day": 10_000}
"""No limits of the kind that would hold up a test."""
WIRED = {EVU: {"relay": "house.evu_block", "max_on": 7200} | FREE}


def hp(number: int) -> str:
    return f"hp{number:04d}"


@dataclass
class Boxes:
    """Twenty boxes in one process, each with its account, model, relay guard and link."""

    agents: dict[int, Agent] = field(default_factory=dict)
    _running: dict[int, asyncio.Task[None]] = field(default_factory=dict)

    def start(self, number: int, config: BoxConfig) -> None:
        buffers = make_buffers(config)
        buffers.open()
        self.agents[number] = agent = Agent(config, buffers)
        self._running[number] = asyncio.create_task(agent.run())

    async def stop(self, *numbers: int) -> None:
        tasks = [self._running.pop(number) for number in numbers or list(self._running)]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task

    def blocked(self) -> set[int]:
        """The boxes whose EVU relay is on."""
        found = {number: agent.tree.find(STATUS) for number, agent in self.agents.items()}
        return {number for number, leaf in found.items() if isinstance(leaf, Leaf) and leaf.value is True}


def box_config(scene: Scene, number: int) -> BoxConfig:
    jid = box_jid(number)
    scene.register(jid)
    path = scene.directory / f"box{number}" / "box.yaml"
    path.parent.mkdir()
    settings = {
        "jid": jid, "password_file": str(scene.password_file(jid)), "hub": HUB, "model": str(MODEL),
        "server": {"host": LOOPBACK, "port": scene.prosody.c2s_port}, "ca_file": str(scene.prosody.ca_file),
        "clock": "trusted", "sample_every": 60, "drivers": simulated(), "points": {},
        "outputs": WIRED if number != REFUSES else {},
    }  # fmt: skip
    path.write_text(yaml.safe_dump(settings))
    return BoxConfig.load(path)


async def fill(config: HubConfig) -> None:
    """What the operator's commands would do one by one."""
    registry = await Registry.open(config.databases.registry)
    await registry.run(_fill)
    await registry.close()


def _fill(session: Session) -> None:
    for number in range(1, BOXES + 1):
        add_heat_pump(session, HeatPump(hp(number), box_jid(number)), hub_domain=HUB, now=0.0)
    add_provider(session, Provider("agg", PROVIDER_JID), hub_domain=HUB, now=0.0)
    for group, members in (("north", IN_NORTH), ("all", range(1, BOXES + 1))):
        add_group(session, group, now=0.0)
        add_members(session, group, [hp(number) for number in members], now=0.0)


@pytest.fixture(scope="module")
def scene(prosody_install: ProsodyInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("groups"), prosody_install)
    try:
        made.start_server()
        configure(made, limits=FAST)
        asyncio.run(fill(HubConfig.load(made.directory / "hub" / "hub.yaml")))
        made.start_hub()
        operator(made, "grant", "add", "agg", "@north", "--right", "read", "--right", "control")
        yield made
    finally:
        made.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def boxes(scene: Scene) -> AsyncIterator[Boxes]:
    made = Boxes()
    try:
        for number in range(1, BOXES + 1):
            made.start(number, box_config(scene, number))
        yield made
    finally:
        await made.stop()


@asynccontextmanager
async def provider(scene: Scene) -> AsyncIterator[ServiceProvider]:
    """Connected, with all boxes but one online: that one has just gone."""
    async with ServiceProvider(
        PROVIDER_JID, scene.passwords[PROVIDER_JID], hub=HUB, host=LOOPBACK, port=scene.prosody.c2s_port,
        ca_file=scene.prosody.ca_file, timeout=PATIENCE,
    ) as sp:  # fmt: skip
        there = [hp(number) for number in IN_NORTH if number != AWAY]
        await until(lambda: all(sp.presence_of(one) is Presence.ONLINE for one in there), PATIENCE)
        yield sp


async def by_id(results: AsyncIterator[MemberResult]) -> dict[str, MemberResult]:
    return {one.heatpump: one async for one in results}


async def test_one_message_reaches_those_granted_and_each_answers_for_itself(
    scene: Scene, boxes: Boxes
) -> None:
    async with provider(scene) as sp:
        await until(lambda: sp.presence_of(hp(AWAY)) is Presence.ONLINE, PATIENCE)
        await boxes.stop(AWAY)
        await until(lambda: sp.presence_of(hp(AWAY)) is Presence.OFFLINE, PATIENCE)
        group = await sp.group("all")
        assert group.members == tuple(map(hp, IN_NORTH)), "of the group all, those granted through north"
        found = await by_id(group.operate(EVU, True))
        assert found.keys() == set(group.members)
        assert Counter(one.outcome for one in found.values()) == {
            Outcome.DONE: 16, Outcome.REFUSED: 1, Outcome.SILENT: 1,
        }  # fmt: skip
        refused = found[hp(REFUSES)].error
        assert isinstance(refused, ControlRefused)
        assert refused.add_cause is not None, "LastApplError came from the one it is about"
        assert isinstance(found[hp(AWAY)].error, HeatPumpOffline)
        assert boxes.blocked() == set(IN_NORTH) - {REFUSES, AWAY}, "nobody else's relay moved"
        read = await by_id(group.read(f"{EVU}.stVal"))
        done = {one: result.readings[0].value for one, result in read.items() if result.readings}
        assert {one for one, value in done.items() if value is True} == {hp(n) for n in boxes.blocked()}
    await audited_each_before_its_result(scene)


async def audited_each_before_its_result(scene: Scene) -> None:
    listed = json.loads(await asyncio.to_thread(operator, scene, "audit", "--limit", "200", "--json"))
    asked = [one for one in listed if (one["kind"], one["service"]) == ("request", "Operate")]
    # The one that is away was asked again, by an iq of its own.
    assert Counter(one["heatpump"] for one in asked) == Counter(map(hp, IN_NORTH)) + Counter([hp(AWAY)])
    assert len({one["stanza_id"] for one in asked}) == 2, "all under the id of the message, and one repeat"
    at = {(one["kind"], one["heatpump"]): number for number, one in enumerate(reversed(listed))}
    assert all(at["result", hp(n)] < at["request", hp(n)] for n in IN_NORTH if n != AWAY), "newest first"


async def test_a_command_line_names_who_is_missing_and_says_so_by_its_exit_code(
    scene: Scene, boxes: Boxes
) -> None:
    done = await asyncio.to_thread(scene.command, "hpclient", "operate", "@north", EVU, "off", "--json")
    *lines, summary = [json.loads(line) for line in done.stdout.splitlines()]
    assert summary == {"summary": {"done": 16, "refused": 1, "no answer": 1}}
    assert {one["heatpump"]: one["outcome"] for one in lines if one["outcome"] != "done"} == {
        hp(REFUSES): "refused", hp(AWAY): "no answer",
    }  # fmt: skip
    assert done.returncode == 4
    assert boxes.blocked() == set()
    read = await asyncio.to_thread(scene.command, "hpclient", "read", "@north", "LD0/LPHD1.PhyHealth")
    assert read.returncode == 4
    assert len([line for line in read.stdout.splitlines() if "PhyHealth" in line]) == 17
    assert f"{hp(AWAY)}\tno answer" in read.stdout
    nowhere = await asyncio.to_thread(scene.command, "hpclient", "operate", "@nowhere", EVU, "off")
    assert (nowhere.returncode, nowhere.stdout) == (3, "")
    assert "there is no group nowhere" in nowhere.stderr


async def test_who_leaves_the_group_is_out_when_the_command_returns(scene: Scene, boxes: Boxes) -> None:
    async with provider(scene) as sp:
        before = await sp.group("north")
        await asyncio.to_thread(operator, scene, "group", "member", "remove", "north", hp(1), hp(2))
        found: dict[str, MemberResult] = {}
        async with aclosing(before.operate(EVU, True)) as results:
            while len(found) < len(IN_NORTH) - 3:
                one = await anext(results)
                found[one.heatpump] = one
        assert boxes.blocked() == set(IN_NORTH) - {1, 2, REFUSES, AWAY}
        assert found.keys().isdisjoint(map(hp, (1, 2, AWAY))), "they do not hear of it"
        assert (await sp.group("north")).members == tuple(map(hp, range(3, 19)))
        await asyncio.to_thread(operator, scene, "group", "member", "add", "north", hp(2))
        await until(lambda: sp.presence_of(hp(2)) is Presence.ONLINE, PATIENCE)
        again = await by_id((await sp.group("all")).operate(EVU, True))
        assert again[hp(2)].outcome is Outcome.DONE
