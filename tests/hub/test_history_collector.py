"""The collector's process with real servers for boxes and a real database; only the network is pretended."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

import hub.history.collector
import hub.history.link
from hub.component import LinkDown
from hub.config import HubConfig
from hub.history import HISTORY_SCHEMA, consent_watch
from hub.history.collecting import Stage
from hub.history.collector import CollectorProcess
from hub.registry import COLLECTOR as COLLECTOR_NAME
from hub.registry import (
    Heard,
    NewGrant,
    Registry,
    add_grant,
    add_heat_pump,
    add_provider,
    current_revision,
    keep_presence,
    leave_router,
    remove_heat_pump,
    revoke_grant,
    wait_until_taken,
)
from hub.registry.consents import Consented
from hub.registry.replacing import replace_box
from hub.roster import HeatPump, LinkState, Provider, Right
from hub.stanzas import Stanza
from iec61850_model.server.memory_buffer import MemoryBuffer
from tests.hub.averaging_box import AveragingBox

DOMAIN = "hub.example.org"
COLLECTOR = f"history.{DOMAIN}"
PATIENCE = 20.0
T = (int(time.time()) // 300 - 20) * 300
"""An end of an interval that is believed, and so are some after it."""


@dataclass
class PretendedLink:
    """The component's link: what the collector sends goes to its box, in another turn of the event loop."""

    take: Callable[[Any], None]
    boxes: dict[str, AveragingBox]
    sent: list[str] = field(default_factory=list)
    up: bool = False
    lose: Callable[[str], bool] = lambda _xml: False
    on_up: list[Callable[[], None]] = field(default_factory=list)
    on_down: list[Callable[[], None]] = field(default_factory=list)

    def send(self, xml: str) -> None:
        if not self.up:
            raise LinkDown("down")
        self.sent.append(xml)
        asyncio.get_running_loop().call_soon(self._deliver, xml)

    def _deliver(self, xml: str) -> None:
        to = fromstring(f"<s>{xml}</s>")[0].get("to", "")
        box = self.boxes.get(to)
        if box is not None and self.up and not self.lose(xml):
            box.hear(xml)

    def say(self, xml: str) -> None:
        if self.up and not self.lose(xml):
            self.take(Stanza.of(fromstring(f'<s xmlns="jabber:component:accept">{xml}</s>')[0]))

    async def run(self) -> None:
        self.connect()
        try:
            await asyncio.Event().wait()
        finally:
            self.disconnect()

    def connect(self) -> None:
        self.up = True
        for callback in self.on_up:
            callback()

    def disconnect(self) -> None:
        self.up = False
        for callback in self.on_down:
            callback()


@dataclass
class World:
    """A collector that can be started and killed, its boxes and what it has stored."""

    config: HubConfig
    registry: Registry
    file: Path
    boxes: dict[str, AveragingBox] = field(default_factory=dict)
    link: PretendedLink | None = None
    process: CollectorProcess | None = None
    task: asyncio.Task[None] | None = None

    def make_link(
        self, _domain: str, _secret: str, _address: object, take: Callable[[Any], None]
    ) -> PretendedLink:
        self.link = PretendedLink(take, self.boxes)
        return self.link

    async def start(self) -> None:
        self.process = CollectorProcess(self.config, self.registry)
        self.task = asyncio.create_task(self.process.run())
        await until(lambda: self.link is not None and self.link.up)

    async def kill(self) -> None:
        """As a power cut: nothing that waits is written any more.

        But for the transaction under way, which is waited for: a process that is really killed gives the lock
        of its database back, a connection that is torn out of a transaction in this one may keep it.
        """
        assert self.task is not None
        assert self.process is not None
        assert self.link is not None
        self.link.disconnect()
        if self.process._writer is not None:
            self.process._writer._queue.clear()
            await self.process._writer.settle()
            self.process._writer._idle.set()
        self.task.cancel()
        await asyncio.wait({self.task})

    async def add_box(self, number: int, *, consent: bool = True) -> AveragingBox:
        jid = f"box{number}@boxes.example/IEC"
        self.boxes[jid] = box = AveragingBox(jid, lambda xml: self.link.say(xml) if self.link else None)
        pump = HeatPump(f"hp{number}", jid.partition("/")[0])
        await self.registry.run(add_heat_pump, pump, hub_domain=DOMAIN, now=1.0)
        if consent:
            await self.consent(number)
        return box

    async def consent(self, number: int, *, right: Right = Right.HISTORY, purpose: str = "operation") -> int:
        new = NewGrant("agg", f"hp{number}", [right], "operator", purpose=purpose)
        return (await self.registry.run(add_grant, new, now=1.0)).key

    async def taken(self) -> None:
        """The collector has taken over what was changed."""
        revision = await self.registry.read(current_revision)
        assert await wait_until_taken(self.registry, revision, PATIENCE) == ()

    def powers(self) -> dict[int, list[tuple[int, float | None]]]:
        """Intervals (counted from T) and powers by series, in order."""
        with closing(sqlite3.connect(self.file)) as database:
            rows = database.execute("SELECT series, interval, electric_power FROM sample ORDER BY 1, 2")
            found: dict[int, list[tuple[int, float | None]]] = {}
            for series, interval, power in rows:
                found.setdefault(series, []).append(((interval - T) // 300, power))
        return found

    async def stored(self, *counts: int) -> None:
        """Wait until the series have so many samples."""
        await until(lambda: sorted(map(len, self.powers().values())) == sorted(counts))

    async def live(self, number: int = 1) -> None:
        """Wait until so many boxes report."""
        await self.at(Stage.LIVE, number)

    async def at(self, stage: Stage, number: int = 1) -> None:
        """Wait until so many boxes are at a stage."""
        process = self.process
        assert process is not None
        await until(lambda: process.snapshot().stages[stage.value] == number)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for may be anything
            await asyncio.sleep(0.01)


@pytest.fixture
async def world(
    registry: Registry, registry_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    secret = tmp_path / "history"
    secret.write_text("s" * 32)
    secret.chmod(0o600)
    config = HubConfig.model_validate(
        {
            "domain": DOMAIN,
            "secrets": {"history": secret},
            "databases": {"history": f"sqlite:///{tmp_path}/history.db"},
            "history": {"pace": 1000},
        }
    )
    await HISTORY_SCHEMA.upgrade(config.databases.history)
    await registry.run(add_provider, Provider("agg", "control@agg.example"), hub_domain=DOMAIN, now=1.0)
    made = World(config, registry, tmp_path / "history.db")
    monkeypatch.setattr(hub.history.link, "ComponentLink", made.make_link)
    monkeypatch.setattr(hub.history.collector, "TICK", 0.05)
    monkeypatch.setattr("hub.history.collecting.FIRST_REST", 0.1)
    monkeypatch.setattr("hub.requests.REQUEST_TIMEOUT", 1.0)
    yield made
    if made.task is not None and not made.task.done():
        await made.kill()


async def test_from_the_box_to_the_row(world: World) -> None:
    box = await world.add_box(1)
    await world.start()
    await world.live()
    for number in range(3):
        box.average(T + 300 * number, 100.0 + number)
    await world.stored(3)
    assert list(world.powers().values()) == [[(0, 100.0), (1, 101.0), (2, 102.0)]]


async def test_what_was_kept_while_nobody_collected_is_fetched_in_order(world: World) -> None:
    box = await world.add_box(1)
    for number in range(-50, 0):
        box.average(T + 300 * number, float(number))
    await world.start()
    await world.stored(50)
    assert list(world.powers().values()) == [[(number, float(number)) for number in range(-50, 0)]]


async def test_a_collector_that_is_killed_goes_on_where_it_was(world: World) -> None:
    box = await world.add_box(1)
    number = -200
    for _ in range(6):
        await world.start()
        await world.live()
        for _ in range(7):
            box.average(T + 300 * number, float(number))
            number += 1
        await world.kill()
        box.average(T + 300 * number, float(number))
        number += 1
    await world.start()
    await world.stored(number + 200)
    assert [one for one, _ in next(iter(world.powers().values()))] == list(range(-200, number))


async def test_reports_lost_on_the_way_are_noticed_and_fetched(world: World) -> None:
    box = await world.add_box(1)
    await world.start()
    await world.live()
    assert world.link is not None
    lost = iter([False, True, False, False, True, True, False] + [False] * 1000)
    world.link.lose = lambda xml: xml.startswith("<message") and next(lost)
    for number in range(10):
        box.average(T + 300 * (number - 20), float(number))
        await asyncio.sleep(0.02)
    await world.stored(10)
    assert [one for one, _ in next(iter(world.powers().values()))] == list(range(-20, -10))


async def test_a_link_that_drops_loses_nothing(world: World) -> None:
    box = await world.add_box(1)
    await world.start()
    for number in range(5):
        await world.live()
        assert world.link is not None
        box.average(T + 300 * (number * 2 - 20), float(number))
        world.link.disconnect()
        box.average(T + 300 * (number * 2 - 19), float(number))
        world.link.connect()
    await world.stored(10)


async def test_without_a_grant_for_history_with_a_purpose_nothing_is_asked(world: World) -> None:
    box = await world.add_box(1, consent=False)
    await world.consent(1, right=Right.READ)
    await world.consent(1, purpose="")
    await world.start()
    box.announce(COLLECTOR)
    await asyncio.sleep(0.3)
    assert box.asked == []
    assert world.link is not None
    assert world.link.sent == []


async def test_consent_given_later_begins_and_withdrawn_ends_the_collecting(world: World) -> None:
    box = await world.add_box(1, consent=False)
    await world.start()
    grant = await world.consent(1)
    await world.live()
    box.average(T, 1.0)
    await world.stored(1)
    await world.registry.run(revoke_grant, grant, now=2.0)
    await world.taken()
    box.average(T + 300, 2.0)
    await world.at(Stage.IDLE)
    box.average(T + 600, 3.0)
    await asyncio.sleep(0.2)
    assert list(world.powers().values()) == [[(0, 1.0)]]


async def test_withdrawn_means_not_stored_even_if_it_waits_already(world: World) -> None:
    """The database stands still; what is in the queue when consent is withdrawn never reaches it."""
    box = await world.add_box(1, consent=False)
    grant = await world.consent(1)
    await world.start()
    await world.live()
    with closing(sqlite3.connect(world.file, isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        assert world.process is not None
        box.average(T, 1.0)
        await asyncio.sleep(0.1)  # its transaction has begun
        box.average(T + 300, 2.0)
        assert world.process.snapshot().waiting == 2
        await world.registry.run(revoke_grant, grant, now=2.0)
        await world.at(Stage.IDLE)
        blocker.execute("COMMIT")
    await world.taken()
    # The first was judged before the command was given, and is on the disk before it returns.
    assert list(world.powers().values()) == [[(0, 1.0)]]
    await asyncio.sleep(0.3)
    assert list(world.powers().values()) == [[(0, 1.0)]]


async def test_a_heat_pump_that_is_removed_is_followed_no_longer(world: World) -> None:
    box = await world.add_box(1)
    await world.start()
    await world.live()
    await world.registry.run(remove_heat_pump, "hp1", now=2.0)
    await world.taken()
    box.average(T, 1.0)
    await asyncio.sleep(0.2)
    assert world.powers() == {}


async def test_a_database_that_is_away_holds_up_and_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = await world.add_box(1)
    await world.start()
    await world.live()
    assert world.process is not None
    store = world.process._store
    assert store is not None
    working = store.write

    async def broken(*_args: Any) -> Any:
        raise ConnectionRefusedError("away")

    monkeypatch.setattr(store, "write", broken)
    for number in range(-9, 0):
        box.average(T + 300 * number, float(number))
    await until(lambda: world.process is not None and "cannot be written" in "".join(world.process.unready()))
    monkeypatch.setattr(store, "write", working)
    await world.stored(9)
    await until(lambda: world.process is not None and world.process.unready() == [])


async def test_a_storage_that_is_full_gives_reports_back_and_fetches_them_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.history.writer.MAX_WAITING", 3)
    boxes = [await world.add_box(number) for number in range(2)]
    for box in boxes:
        for number in range(-12, 0):
            box.average(T + 300 * number, float(number))
    await world.start()
    await world.stored(12, 12)
    assert world.process is not None
    assert world.process.snapshot().counts.given_back > 0


async def test_many_boxes_are_set_up_at_a_pace(world: World) -> None:
    for number in range(40):
        await world.add_box(number)
    slow = world.config.history.model_copy(update={"pace": 20})
    world.config = world.config.model_copy(update={"history": slow})
    began = time.monotonic()
    await world.start()
    await world.live(40)
    assert time.monotonic() - began >= 1.5
    for box in world.boxes.values():
        box.average(T, 1.0)
    await world.stored(*[1] * 40)


async def test_strangers_and_nonsense_change_nothing(world: World) -> None:
    box = await world.add_box(1)
    await world.start()
    await world.live()
    assert world.link is not None
    assert world.process is not None
    me = world.process._link.address
    for kind in ("iq", "message", "presence"):
        for type_ in ("", "get", "set", "result", "error", "?"):
            for sender in ("stranger@x.example/IEC", box.jid.partition("/")[0], "", "@/"):
                for to in (me, COLLECTOR, ""):
                    typed = f' type="{type_}"' if type_ else ""
                    world.link.say(f'<{kind}{typed} id="1" from="{sender}" to="{to}"><x/></{kind}>')
    box.average(T, 1.0)
    await world.stored(1)


async def test_a_report_that_nobody_waits_for_is_given_back_so_that_its_box_ends_the_association(
    world: World,
) -> None:
    """Reports keep an association: without this a box that did not hear of the end would never stop."""
    box = await world.add_box(1)
    await world.start()
    await world.live()
    assert world.link is not None and world.process is not None
    world.link.lose = lambda xml: xml.startswith("<presence")  # so it is not told of the end
    await world.registry.run(remove_heat_pump, "hp1", now=2.0)
    await world.taken()
    box.average(T, 1.0)
    await until(lambda: not box.reporting)
    assert world.powers() == {}


async def test_a_report_for_an_earlier_collector_is_given_back(world: World) -> None:
    box = await world.add_box(1)
    await world.start()
    await world.live()
    await world.kill()
    world.boxes.clear()  # it hears nothing of the next one's start
    await world.start()
    world.boxes[box.jid] = box
    assert box.reporting
    box.average(T, 1.0)
    await until(lambda: not box.reporting)
    box.announce(COLLECTOR)
    await world.stored(1)


async def test_the_snapshot_and_readiness(world: World) -> None:
    await world.add_box(1)
    await world.start()
    await world.live()
    assert world.process is not None
    assert world.process.unready() == []
    assert world.process.snapshot().link_up
    assert json.dumps(world.process.snapshot().stages)
    assert world.link is not None
    world.link.disconnect()
    assert world.process.unready() == ["the collector has no link to the XMPP server"]


async def test_when_it_ends_amid_a_sign_of_life_it_can_still_sign_off(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that is cut keeps the registry's lock from all that come after it."""
    monkeypatch.setattr(consent_watch, "POLL", 0.0)
    monkeypatch.setattr(consent_watch, "HEARTBEAT", 0.0)

    async def nothing(*_: object) -> list[Consented]:
        return []

    for number in range(100):
        watch = consent_watch.ConsentWatch(registry, nothing, nothing)  # type: ignore[arg-type]
        await watch.begin()
        running = asyncio.create_task(watch.run())
        await asyncio.sleep(0.005 + number * 0.0001)
        running.cancel()
        await asyncio.wait({running})
        await registry.run(leave_router, COLLECTOR_NAME)


@pytest.mark.parametrize("numbered_alike", [False, True])
async def test_a_box_in_place_of_another_goes_on_in_the_same_series(
    world: World, numbered_alike: bool
) -> None:
    """Its buffer counts in an epoch of its own; what it measured before the first was last seen is
    elsewhere's.

    Even one that numbers its entries as the former one did loses and doubles nothing.
    """
    first = await world.add_box(1)
    await world.start()
    await world.live()
    for number in range(4):
        first.average(T + 300 * number, float(number))
    await world.stored(4)
    await world.registry.run(keep_presence, "router", {"hp1": Heard(LinkState.ONLINE, T + 920.0)}, {})
    await world.registry.run(keep_presence, "router", {"hp1": Heard(LinkState.OFFLINE, T + 930.0)}, {})
    jid = "new@boxes.example/IEC"
    epoch = {} if numbered_alike else {"AVG/LLN0$BR$brcbAvg01": MemoryBuffer(epoch=7)}
    second = AveragingBox(jid, lambda xml: world.link.say(xml) if world.link else None, dict(epoch))
    for number in (1, 2, 4, 5, 6):  # 4 is half before and half after: nobody knows where
        second.average(T + 300 * number, 100.0 + number)
    world.boxes[jid] = second
    await world.registry.run(
        replace_box, "hp1", "new@boxes.example", hub_domain=DOMAIN, restore=False, now=T + 2_000.0
    )
    await world.taken()
    first.average(T + 300 * 9, 9.0)
    await world.stored(6)
    second.average(T + 300 * 7, 107.0)
    await world.stored(7)
    await world.kill()
    second.average(T + 300 * 8, 108.0)
    await world.start()
    await world.stored(8)
    expected = [(number, float(number)) for number in range(4)]
    expected += [(number, 100.0 + number) for number in range(5, 9)]
    assert list(world.powers().values()) == [expected]


async def test_what_the_former_box_reported_is_stored_before_anything_of_the_new_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its EntryID would be the last one, and the new box asked for entries it never had."""
    first = await world.add_box(1)
    await world.start()
    await world.live()
    jid = "new@boxes.example/IEC"
    second = AveragingBox(jid, lambda xml: world.link.say(xml) if world.link else None)
    world.boxes[jid] = second
    process = world.process
    assert process is not None
    assert process._store is not None
    forget, waiting = process._store.forget_entries, []

    async def noting(before: Mapping[int, float]) -> None:
        waiting.append(process.snapshot().waiting)
        await forget(before)

    monkeypatch.setattr(process._store, "forget_entries", noting)
    with closing(sqlite3.connect(world.file, isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        for number in range(3):
            first.average(T + 300 * number, float(number))
            await asyncio.sleep(0.05)
        await world.registry.run(
            replace_box, "hp1", "new@boxes.example", hub_domain=DOMAIN, restore=False, now=2.0
        )
        await asyncio.sleep(0.3)
        assert second.asked == []
        blocker.execute("COMMIT")
    await world.stored(3)
    await world.live()
    second.average(T + 900, 3.0)
    await world.stored(4)
    assert waiting == [0]
