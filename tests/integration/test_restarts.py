"""Hub, XMPP server, boxes and providers are killed, stopped, frozen, cut off and reset, alone and together.

After each: operator, provider and box see within 30 s what is true again, a fresh read works, associations of
before are gone, what was commanded meanwhile was carried out at most once and not late, and a provider
without a grant, who watches all the time, has seen nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
import pytest_asyncio
from raw_operator import configure, link_states, operator
from raw_party import until

from iec61850_model.client import ClientError
from iec61850_model.mms.pdu import (
    ConfirmedRequest,
    GetNameListRequest,
    ObjectClass,
    ObjectScope,
    Payload,
    Reject,
    RejectReason,
)
from iec61850_model.values import GOOD
from service_provider import Presence, ServiceProvider
from support.ports import LOOPBACK
from support.prosody import ProsodyInstall
from support.scene import (
    HUB,
    PROVIDER_JID,
    REPOSITORY,
    Program,
    Scene,
    box_jid,
    simulated,
    simulated_outputs,
    simulated_points,
)
from support.swallow import SwallowingProxy

pytestmark = pytest.mark.asyncio(loop_scope="module")

RIGHT_WITHIN = 30.0
"""Seconds until every party's view is right again (wired profile, DESIGN section 3)."""
NOT_LATER = 30.0
"""Seconds after its T beyond which a command must not be carried out (DESIGN section 5)."""
ANSWER_WITHIN = 6.0
"""Seconds the provider waits for an answer."""
SHORT = 3.0
"""Seconds of a cut that nobody need notice."""
ON_ITS_WAY = 0.01
"""Seconds after which a command is somewhere between provider and box."""
RELAY = "HP/RlyGGIO1.SPCSO1"
OTHER_JID = "other@aggregator.example"
HEAT_PUMPS = ("hp0001", "hp0002")
DIRECTORY = GetNameListRequest(ObjectClass.DOMAIN, ObjectScope.VMD)


def peer(heat_pump: str) -> str:
    return f"{heat_pump}@{HUB}/IEC"


@dataclass
class Ordered:
    """A command that was sent while something was wrong."""

    heat_pump: str
    value: bool
    at: float
    outcome: asyncio.Task[str]


@dataclass
class World:
    """Box 1, provider agg and the hub have a proxy each before the server."""

    scene: Scene
    box_line: SwallowingProxy
    provider_line: SwallowingProxy
    hub_line: SwallowingProxy
    agg: ServiceProvider
    seen_by_other: list[str]
    associations: dict[str, str] = field(default_factory=dict)
    relay_is: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(HEAT_PUMPS, False))
    ordered: list[Ordered] = field(default_factory=list)
    earlier_logs: defaultdict[str, str] = field(default_factory=lambda: defaultdict(str))

    # --- starting and stopping --------------------------------------------------------------------

    async def start_hub(self) -> None:
        program = self.scene.start("hub", ["hphub", "run", "--only", "router"], self.scene.hub_environment)
        await until(lambda: "link to the XMPP server is up" in program.log)

    def start_box(self, number: int) -> Program:
        name, port = f"box{number:04d}", self.box_line.port if number == 1 else None
        if name in self.scene.programs:
            self.earlier_logs[name] += self.scene.programs[name].log
        return self.scene.start_box(number, simulated(), simulated_points(), simulated_outputs(), port=port)

    async def stop(self, name: str, *, kill: bool) -> None:
        program = self.scene.programs[name]
        assert program.process.poll() is None, program.log[-2000:]
        if kill:
            program.kill()
        else:
            assert await asyncio.to_thread(program.stop) == 0, program.log[-2000:]

    # --- what is true -----------------------------------------------------------------------------

    async def associate(self) -> None:
        """A box allows a client four associations: what is left of an earlier one is released."""
        for heat_pump in HEAT_PUMPS:
            with suppress(ClientError):
                await self.agg.release(heat_pump)
            self.agg._client.abort(peer(heat_pump))
            self.associations[heat_pump] = (await self.agg.associate(heat_pump)).id

    def order(self, heat_pump: str) -> Ordered:
        """Command the other state of a relay; nobody waits for the answer.

        Two in one test differ by their value: so the box's log says which of them was carried out.
        """
        value = self.relay_is[heat_pump] = not self.relay_is[heat_pump]

        async def operate() -> str:
            try:
                await self.agg.operate(heat_pump, RELAY, value)
            except ClientError as failed:
                return type(failed).__name__
            return "done"

        made = Ordered(heat_pump, value, time.time(), asyncio.create_task(operate()))
        self.ordered.append(made)
        return made

    def carried_out(self, one: Ordered) -> list[float]:
        """When the box has carried it out, seconds since 1970, by its log."""
        name = f"box{one.heat_pump[2:]}"
        log = self.earlier_logs[name] + self.scene.programs[name].log
        controls = [json.loads(line) for line in log.splitlines() if '"event": "control"' in line]
        done = [
            datetime.fromisoformat(event["timestamp"]).timestamp()
            for event in controls
            if (event["reference"], event["value"], event["outcome"]) == (RELAY, one.value, "done")
        ]
        return [at for at in done if at >= one.at]

    async def views_are_right(self) -> None:
        """Operator and provider see within RIGHT_WITHIN that every heat pump is online."""
        await self.see(dict.fromkeys(HEAT_PUMPS, "online"), RIGHT_WITHIN)

    async def see(self, wanted: dict[str, str], within: float) -> None:
        """Operator and provider see these link states within so many seconds."""
        since, views = time.monotonic(), {}
        try:
            async with asyncio.timeout(within):
                while set(map(str, views.values())) != {str(wanted)}:
                    await asyncio.sleep(0.2)
                    views = {"operator": await link_states(self.scene), "provider": self.provider_sees()}
        except TimeoutError:
            logs = "\n".join(f"--- {one.name}\n{one.log[-1000:]}" for one in self.scene.programs.values())
            pytest.fail(f"{views} after {within:.0f} s instead of {wanted}\n{logs}")
        print(f"seen after {time.monotonic() - since:.1f} s: {wanted}")

    def provider_sees(self) -> dict[str, str]:
        return {one: self.agg.presence_of(one).value for one in HEAT_PUMPS}

    @staticmethod
    async def rejects(who: ServiceProvider, heat_pump: str, association: str) -> bool:
        """The box does not know this association (any more)."""
        request = Payload(ConfirmedRequest(1, DIRECTORY), association)
        answer = await who._channel.request(peer(heat_pump), request)
        return answer.pdu == Reject(RejectReason.ILLEGAL_ACSE_MAPPING)

    async def right_again(self, kept: Sequence[str] | None = ()) -> None:
        """All views are right in time, reads work, associations are gone but those ``kept`` (None: whatever),
        and what was commanded was carried out at most once and not late."""
        await self.views_are_right()
        for heat_pump in HEAT_PUMPS:
            rejected = await self.rejects(self.agg, heat_pump, self.associations[heat_pump])
            assert kept is None or rejected is (heat_pump not in kept), f"association with {heat_pump}"
            if rejected:
                self.agg._client.abort(peer(heat_pump))
            reading = await self.agg.read(heat_pump, RELAY)
            assert reading.quality == GOOD
        for one in self.ordered:
            outcome, times = await one.outcome, self.carried_out(one)
            print(
                f"{one.heat_pump} {one.value}: {outcome}, {[round(at - one.at, 1) for at in times]} s later"
            )
            assert len(times) <= 1, "a command was carried out twice"
            assert all(at <= one.at + NOT_LATER for at in times), "a command was carried out late"
            assert times or outcome != "done"
        self.ordered.clear()
        for heat_pump in HEAT_PUMPS:
            self.relay_is[heat_pump] = bool((await self.agg.read(heat_pump, RELAY)).value)
            # So that the next command is one request and not two.
            await self.agg._client.definition(peer(heat_pump), "HP", "RlyGGIO1")
        seen = {sender for sender in self.seen_by_other if f"@{HUB}" in sender}
        assert not seen, "a provider without a grant has seen something"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(
    prosody_install: ProsodyInstall, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    scene = Scene(tmp_path_factory.mktemp("restarts"), prosody_install)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.to_thread, scene.close)
        scene.start_server()
        scene.register(OTHER_JID)
        lines = []
        ports = (scene.prosody.c2s_port, scene.prosody.c2s_port, scene.prosody.component_port)
        for port in ports:
            line = SwallowingProxy(port)
            await line.start()
            stack.push_async_callback(line.stop)
            lines.append(line)
        configure(scene, xmpp={"component_port": lines[2].port})
        agg = provider(scene, f"{PROVIDER_JID}/desk", lines[1].port)
        other = provider(scene, f"{OTHER_JID}/desk")
        seen: list[str] = []
        other._connection.stanza_handlers.insert(0, lambda one: bool(seen.append(one.get("from", ""))))
        other._connection.on_presence.append(lambda sender, kind: seen.append(sender))
        made = World(scene, *lines, agg, seen)
        for number, heat_pump in enumerate(HEAT_PUMPS, 1):
            await asyncio.to_thread(operator, scene, "heatpump", "add", heat_pump, "--box", box_jid(number))
        for id_, jid in (("agg", PROVIDER_JID), ("other", OTHER_JID)):
            await asyncio.to_thread(operator, scene, "provider", "add", id_, "--jid", jid)
        for heat_pump in HEAT_PUMPS:
            await asyncio.to_thread(
                operator, scene, "grant", "add", "agg", heat_pump, "--right", "read", "--right", "control"
            )
        await made.start_hub()
        for number in (1, 2):
            made.start_box(number)
        await stack.enter_async_context(agg)
        await stack.enter_async_context(other)
        await made.views_are_right()
        await made.associate()
        yield made


def provider(scene: Scene, jid: str, port: int | None = None) -> ServiceProvider:
    return ServiceProvider(
        jid,
        scene.passwords[jid.partition("/")[0]],
        hub=HUB,
        host=LOOPBACK,
        port=port or scene.prosody.c2s_port,
        ca_file=scene.prosody.ca_file,
        timeout=ANSWER_WITHIN,
    )


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def everybody_is_there(world: World) -> None:
    """Whatever an earlier test has left: it alone is to fail."""
    if not world.scene.prosody.is_running():
        world.scene.prosody.start()
    for line in (world.box_line, world.provider_line, world.hub_line):
        line.heal()
    if world.scene.programs["hub"].process.poll() is not None:
        await world.start_hub()
    for number in (1, 2):
        if world.scene.programs[f"box{number:04d}"].process.poll() is not None:
            world.start_box(number)
    world.ordered.clear()
    world.seen_by_other.clear()
    await world.views_are_right()
    await world.associate()


# --- one by one ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "stopped"])
@pytest.mark.parametrize("who", ["box", "hub", "server", "all but the server"])
async def test_restarted(world: World, who: str, kill: bool) -> None:
    """A command is on its way when it happens, and another is sent while it is away."""
    names = {
        "box": ["box0001"],
        "hub": ["hub"],
        "server": [],
        "all but the server": ["hub", "box0002", "box0001"],
    }
    world.order("hp0001")
    world.order("hp0002")
    await asyncio.sleep(ON_ITS_WAY)
    if who == "server":
        (world.scene.prosody.kill if kill else world.scene.prosody.stop)()
    for name in names[who]:
        await world.stop(name, kill=kill)
    world.order("hp0001")
    await asyncio.sleep(1)
    if who == "server":
        world.scene.prosody.start()
    if "hub" in names[who]:
        await world.start_hub()
    for number in (1, 2):
        if f"box000{number}" in names[who]:
            world.start_box(number)
    await world.right_again(kept=["hp0002"] if who == "box" else [])


async def test_reset(world: World) -> None:
    """The three lines are reset one after the other, then all at once."""
    for lines in (
        [world.box_line],
        [world.provider_line],
        [world.hub_line],
        [world.hub_line, world.box_line, world.provider_line],
    ):
        for heat_pump in HEAT_PUMPS:
            world.order(heat_pump)
        await asyncio.sleep(ON_ITS_WAY)
        for line in lines:
            line.reset()
        await world.right_again(kept=["hp0002"] if lines == [world.box_line] else [])


async def test_a_killed_provider_leaves_no_association(world: World) -> None:
    """Nor does the next session of the same address inherit it."""
    jid = f"{PROVIDER_JID}/killed"
    for kill in (True, False):
        process = await asyncio.to_thread(_provider_process, world.scene, jid)
        assert process.stdout is not None
        ids = json.loads(await asyncio.to_thread(process.stdout.readline))
        process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        await asyncio.to_thread(process.wait)
        async with provider(world.scene, jid) as again:
            for heat_pump, id_ in ids.items():
                assert await world.rejects(again, heat_pump, id_)
    await world.right_again(kept=HEAT_PUMPS)


def _provider_process(scene: Scene, jid: str) -> subprocess.Popen[str]:
    script = Path(__file__).with_name("raw_provider.py")
    return subprocess.Popen(
        [
            sys.executable, str(script), jid, str(scene.password_file(PROVIDER_JID)), HUB,
            str(scene.prosody.c2s_port), str(scene.prosody.ca_file), *HEAT_PUMPS,
        ],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip


# --- cut silently ----------------------------------------------------------------------------------


async def test_a_short_cut_is_no_cut(world: World) -> None:
    """What is held up for seconds arrives, once, and nobody is thought to be gone."""
    world.box_line.swallow()
    world.provider_line.swallow()
    world.hub_line.swallow()
    orders = [world.order(heat_pump) for heat_pump in HEAT_PUMPS]
    await asyncio.sleep(SHORT)
    for line in (world.box_line, world.provider_line, world.hub_line):
        line.heal()
    assert [await one.outcome for one in orders] == ["done", "done"]
    await world.right_again(kept=HEAT_PUMPS)


async def test_a_cut_box_a_frozen_box_and_a_hub_restarted_meanwhile(world: World) -> None:
    frozen = world.scene.programs["box0002"].process
    world.box_line.swallow()
    frozen.send_signal(signal.SIGSTOP)
    try:
        for heat_pump in HEAT_PUMPS:
            world.order(heat_pump)
        since = time.monotonic()
        await world.see(dict.fromkeys(HEAT_PUMPS, "offline"), RIGHT_WITHIN)
        await world.stop("hub", kill=True)
        for heat_pump in HEAT_PUMPS:
            world.order(heat_pump)
        await world.start_hub()
        await world.see(dict.fromkeys(HEAT_PUMPS, "offline"), RIGHT_WITHIN)
        await asyncio.sleep(max(0.0, NOT_LATER + 1 - (time.monotonic() - since)))
    finally:
        frozen.send_signal(signal.SIGCONT)
        world.box_line.heal()
    await world.right_again()


async def test_everybody_is_cut_off(world: World) -> None:
    """Box, provider and hub at once; meanwhile the server is killed and back, which none of them sees."""
    for line in (world.box_line, world.provider_line, world.hub_line):
        line.swallow()
    since = time.monotonic()
    for heat_pump in HEAT_PUMPS:
        world.order(heat_pump)
    await world.see(dict.fromkeys(HEAT_PUMPS, "unknown"), RIGHT_WITHIN)
    for heat_pump in HEAT_PUMPS:
        world.order(heat_pump)
    world.scene.prosody.kill()
    world.scene.prosody.start()
    await asyncio.sleep(max(0.0, NOT_LATER + 1 - (time.monotonic() - since)))
    for line in (world.box_line, world.provider_line, world.hub_line):
        line.heal()
    await world.right_again()


async def test_a_frozen_hub(world: World) -> None:
    """Nothing it held is carried out late, and the provider does not believe what it told."""
    hub = world.scene.programs["hub"].process
    hub.send_signal(signal.SIGSTOP)
    try:
        since = time.monotonic()
        for heat_pump in HEAT_PUMPS:
            world.order(heat_pump)
        await until(
            lambda: {world.agg.presence_of(one) for one in HEAT_PUMPS} == {Presence.UNKNOWN}, RIGHT_WITHIN
        )
        await asyncio.sleep(max(0.0, NOT_LATER + 1 - (time.monotonic() - since)))
    finally:
        hub.send_signal(signal.SIGCONT)
    await world.right_again(kept=None)
