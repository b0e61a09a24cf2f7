"""Settings through operations as a process, with a real registry, audit and router; link and boxes
pretended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from scheduled_box import HUB, ScheduledBox
from sqlalchemy.orm import Session
from test_operations_process import BOX, HP, World, until
from test_operations_process import world as world  # noqa: PLC0414 - a fixture

from hub.operations.asking_settings import LACKING
from hub.registry import revoke_grant
from hub.registry.replacing import replace_box
from hub.registry.settings import WRITTEN, SettingsRecord, ask_restore, settings_of
from hub.registry.settings_models import Restoring
from hub.registry.usage import add_usage
from hub.roster import LinkState, Right
from iec61850_model.mms.pdu import Data, VariableList, WriteRequest, WriteResponse

CURVE, ROOM, DHW = "HP/HcFCSD1$SP$Crv", "HP/RmFSPT1$MX$SptVal$mxVal", "HP/DhwFSPT1$MX$SptVal$mxVal"
SECOND = "box0002@boxes.example"
REFERENCES = {CURVE: "HP/HcFCSD1.Crv[SP]", ROOM: "HP/RmFSPT1.SptVal", DHW: "HP/DhwFSPT1.SptVal"}


def number(value: float) -> Data:
    return Data("structure", (Data("floating-point", value),))


def curve(*points: float) -> Data:
    return Data("structure", (Data("unsigned", len(points)), Data("array", tuple(map(number, points)))))


def held(value: float, holder: str = "command until 2027-01-01T00:00:00Z") -> tuple[Data, Data]:
    return number(value), Data("visible-string", holder)


def box_with(crv: Data, room: tuple[Data, Data], dhw: tuple[Data, Data]) -> ScheduledBox:
    return ScheduledBox(
        settings={
            CURVE: crv, ROOM: room[0], "HP/RmFSPT1$ST$Hld1$stVal": room[1],
            DHW: dhw[0], "HP/DhwFSPT1$ST$Hld1$stVal": dhw[1],
        }
    )  # fmt: skip


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here depends on how long these are; each is waited for."""
    monkeypatch.setattr("hub.operations.settings_keeping.LOOK", 0.02)
    monkeypatch.setattr("hub.operations.rounds.READ_AFTER_WRITING", 0.1)
    monkeypatch.setattr("hub.operations.rounds.FIRST_RETRY", 0.05)
    for module in ("hub.operations.rounds", "hub.registry.settings_work"):
        monkeypatch.setattr(f"{module}.SETTLED", 0.2)


@pytest.fixture
def house(world: World) -> ScheduledBox:
    world.boxes[BOX] = made = box_with(curve(45, 40, 35), held(21.5), held(55, "schedule SCH/DhwFSCH1"))
    return made


async def record(world: World) -> SettingsRecord:
    return await world.registry.read(settings_of, HP)


async def replaced(world: World, at: float, *, restore: bool) -> None:
    await world.change(replace_box, HP, SECOND, hub_domain=HUB, restore=restore, now=at)
    await world.presence(LinkState.ONLINE, at + 0.01)


def known(session: Session) -> dict[str, Any]:
    return {one.reference: one.value for one in settings_of(session, HP).settings}


async def test_settings_are_read_when_the_box_is_there_and_after_a_write(
    world: World, house: ScheduledBox
) -> None:
    await world.start()
    await world.reached(lambda session: len(known(session)) == 2)
    first = await world.registry.read(known)
    assert set(first) == {REFERENCES[CURVE], REFERENCES[ROOM]}, "what a schedule wants is nobody's setting"
    house.settings[CURVE] = curve(50, 45, 40)
    await world.change(add_usage, "2027-01", [(("agg", HP, "SetDataValues"), 1)])
    await world.reached(lambda session: known(session)[REFERENCES[CURVE]] != first[REFERENCES[CURVE]])
    house.settings["HP/RmFSPT1$ST$Hld1$stVal"] = Data("visible-string", "nobody")
    await world.change(add_usage, "2027-01", [(("agg", HP, "Operate"), 1)])
    await world.reached(lambda session: set(known(session)) == {REFERENCES[CURVE]})
    assert house.done == [], "nothing is written"


async def test_a_new_box_gets_what_the_former_one_had_and_one_refusal_stops_nothing(
    world: World, house: ScheduledBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.operations.rounds.MAX_REFUSALS", 3)
    house.settings["HP/DhwFSPT1$ST$Hld1$stVal"] = Data("visible-string", "command")
    await world.start()
    await world.reached(lambda session: len(known(session)) == 3)
    grant = await world.grant(Right.SCHEDULE)
    await world.at(grant, "ready")
    second = world.boxes[SECOND] = box_with(curve(1), held(20, "nobody"), held(40, "nobody"))
    del second.settings[ROOM]
    second.denied.add("HP/DhwFSPT1$CO$SptVal$Oper")
    await replaced(world, 2.0, restore=True)
    await world.reached(lambda session: settings_of(session, HP).restoring is Restoring.DONE)
    after = {one.reference: one.outcome for one in (await record(world)).settings}
    refusal = after.pop(REFERENCES[DHW])
    assert after == {REFERENCES[CURVE]: WRITTEN, REFERENCES[ROOM]: LACKING}
    assert "object-access-denied" in refusal
    assert second.settings[CURVE] == curve(45, 40, 35)
    assert {peer for peer, _ in second.done} == {f"ops@{HUB}/~ops"}
    await world.at(grant, "ready")
    assert second.priorities["EvuFSCH1"] == 50, "slots are prepared in the new box too"
    told = [one for one in await world.audited() if one.startswith("ops: settings restored")]
    assert told == [
        f"ops: settings restored {REFERENCES[CURVE]}",
        f"ops: settings restored {REFERENCES[DHW]}: {refusal}; {REFERENCES[ROOM]}: {LACKING}",
    ]
    await world.reached(lambda session: known(session)[REFERENCES[CURVE]] is not None)
    kept = {one.reference: one.kept for one in (await record(world)).settings}
    assert None not in kept.values()


class Mumbling(ScheduledBox):
    """Who writes ``mumbles`` gets an answer that makes no sense."""

    mumbles: str = ""

    def _serve(self, peer: str, service: object) -> object | None:
        match service:
            case WriteRequest(VariableList((name,))) if f"{name.domain}/{name.item}" == self.mumbles:
                return WriteResponse((None, None))
        return super()._serve(peer, service)


@pytest.mark.parametrize("how", ["refused", "nonsense"])
async def test_what_the_box_took_is_not_written_again_because_of_another_setting(
    world: World, house: ScheduledBox, how: str
) -> None:
    """Neither when that is refused, nor when what it answers makes no sense."""
    await world.start()
    await world.reached(lambda session: len(known(session)) == 2)
    world.boxes[SECOND] = second = Mumbling(settings={CURVE: curve(1), ROOM: number(20)})
    oper = "HP/RmFSPT1$CO$SptVal$Oper"
    if how == "refused":
        second.denied.add(oper)
    else:
        second.mumbles = oper
    await replaced(world, 2.0, restore=True)
    assert world.process is not None
    process = world.process
    await until(lambda: process.snapshot().settings.done["not restored"] >= 3)
    assert [what for _, what in second.done] == [CURVE]
    second.denied.clear()
    second.mumbles = ""
    await world.reached(lambda session: settings_of(session, HP).restoring is Restoring.DONE)
    assert [what for _, what in second.done] == [CURVE, ROOM]
    told = [one for one in await world.audited() if one.startswith("ops: settings restored")]
    assert told == [f"ops: settings restored {REFERENCES[one]}" for one in (CURVE, ROOM)]


async def test_it_is_queued_while_the_box_is_away_and_done_though_the_process_was_killed(
    world: World, house: ScheduledBox
) -> None:
    await world.start()
    await world.reached(lambda session: len(known(session)) == 2)
    await world.presence(LinkState.OFFLINE, 1.5)
    second = world.boxes[SECOND] = box_with(curve(1), held(20, "nobody"), held(40, "nobody"))
    await world.change(replace_box, HP, SECOND, hub_domain=HUB, restore=False, now=2.0)
    await world.presence(LinkState.ONLINE, 2.1)
    await world.reached(lambda session: known(session).get(REFERENCES[CURVE]) is not None)
    assert second.settings[CURVE] == curve(1), "nobody asked for it yet"
    await world.presence(LinkState.OFFLINE, 2.2)
    await world.kill()
    assert await world.change(ask_restore, HP, now=3.0) == 2
    await world.start()
    assert (await record(world)).restoring is Restoring.WANTED
    await world.presence(LinkState.ONLINE, 4.0)
    await world.reached(lambda session: settings_of(session, HP).restoring is Restoring.DONE)
    assert second.settings[CURVE] == curve(45, 40, 35)
    assert second.settings[ROOM] == number(21.5)


async def test_a_box_that_does_not_answer_is_asked_again_and_the_operator_sees_why(
    world: World, house: ScheduledBox
) -> None:
    await world.start()
    await world.reached(lambda session: len(known(session)) == 2)
    await replaced(world, 2.0, restore=True)  # and nobody is at that address yet
    await world.reached(lambda session: bool(settings_of(session, HP).trouble))
    world.boxes[SECOND] = replace(house, settings={CURVE: curve(1)})
    await world.reached(lambda session: settings_of(session, HP).restoring is Restoring.DONE)
    assert (await record(world)).trouble == ""


async def test_what_operations_had_to_end_in_the_former_box_is_given_up(
    world: World, house: ScheduledBox
) -> None:
    await world.presence(LinkState.OFFLINE, 1.5)
    await world.start()
    grant = await world.grant(Right.SCHEDULE)
    over = await world.grant(Right.SCHEDULE, Right.CONTROL)
    await world.change(revoke_grant, over, now=1.6)
    assert world.process is not None
    process = world.process
    await until(lambda: process.snapshot().jobs == {"pending": 1, "ending": 1})
    world.boxes[SECOND] = ScheduledBox()
    await replaced(world, 2.0, restore=False)
    await world.at(grant, "ready")
    await until(lambda: process.snapshot().boxes == {})
    await world.at(over, "ended")
    told = await world.audited()
    assert f"ops: given up grant {over}" in told
    assert house.done == []
