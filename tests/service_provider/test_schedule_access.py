"""Schedules through the provider's API, against the real server with its model; the hub gives one slot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hub.schedule_slots import start_in
from iec61850_model.blocks import Blocks
from iec61850_model.client import NoSuchObject, ServiceErrorReceived, UnusableValue
from iec61850_model.mms.pdu import ConfirmedRequest, Payload, VariableList, WriteRequest
from iec61850_model.reference import Reference
from iec61850_model.server import Moment
from iec61850_model.values import FunctionalConstraint
from service_provider import NotAllowed, Repeat, ScheduleNotEnabled, SchedulePlan
from service_provider.access import HeatPumpAccess
from service_provider.schedules import plan_from_csv
from tests.iec61850_model.box_model import box_blocks
from tests.iec61850_model.in_memory_box import Box

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
START = datetime(2026, 12, 1, 17, 0, tzinfo=COPENHAGEN)
QUARTER = timedelta(minutes=15)
BEFORE = START.timestamp() - 3600
HP = "hp0001"


class GrantedBox(Box):
    """A box behind a hub that lets this provider change the schedules of one slot, and see those of some.

    ``untils``: other slots, each of a grant with an end, seconds since 1970 UTC.
    """

    def __init__(self, slot: int, visible: str, blocks: Blocks) -> None:
        super().__init__(blocks)
        self.slot = slot
        self.untils: dict[str, float] = {}
        self.visible = visible
        self.now = BEFORE
        self.refusals = 0

    async def request(self, peer: str, payload: Payload) -> Payload:
        pdu = payload.pdu
        writes = isinstance(pdu, ConfirmedRequest) and isinstance(pdu.service, WriteRequest)
        allowed = {str(self.slot), *self.untils} if writes else self.visible
        late = [slot for slot, until in self.untils.items() if writes and latest_start(payload) >= until]
        if any(slot not in allowed or slot in late for slot in slots_in(payload)):
            self.refusals += 1
            raise NotAllowed("your grant does not allow this")
        return await super().request(peer, payload)

    def at(self, time: datetime) -> None:
        """Time goes on."""
        self.now = time.timestamp()
        self.server.tick(Moment(self.now))

    def shown(self, reference: str) -> object:
        node = self.server.tree.find(Reference.parse(reference))
        assert node is not None
        return node.data().value


def slots_in(payload: Payload) -> list[str]:
    """The slots of the schedules that a request names."""
    service = payload.pdu.service if isinstance(payload.pdu, ConfirmedRequest) else None
    variables = getattr(service, "variables", None)
    names = variables.names if isinstance(variables, VariableList) else ()
    nodes = [name.item.partition("$")[0] for name in (*names, getattr(service, "name", None)) if name]
    return [node.partition("FSCH")[2] for node in nodes if "FSCH" in node]


def latest_start(payload: Payload) -> float:
    """The latest start time that a write sets, as the hub looks at it."""
    service = payload.pdu.service if isinstance(payload.pdu, ConfirmedRequest) else None
    if not isinstance(service, WriteRequest) or not isinstance(service.variables, VariableList):
        return 0.0
    pairs = zip(service.variables.names, service.data, strict=True)
    starts = [start_in(Reference.from_mms(name.domain or "", name.item), data) for name, data in pairs]
    return max((start for start in starts if start is not None), default=0.0)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[HeatPumpAccess, GrantedBox]]:
    def make(
        slot: int = 2, visible: str = "1234", blocks: Blocks | None = None
    ) -> tuple[HeatPumpAccess, GrantedBox]:
        box = GrantedBox(slot, visible, box_blocks() if blocks is None else blocks)
        sp = HeatPumpAccess(box, "hub.example.org")
        box.client = sp._client
        monkeypatch.setattr("service_provider.access.time.time", lambda: box.now)
        return sp, box

    return make


Made = Callable[..., tuple[HeatPumpAccess, GrantedBox]]


def plan(*values: object, start: datetime = START, repeat: Repeat = Repeat.ONCE) -> SchedulePlan:
    return SchedulePlan(start, QUARTER, values, repeat)


async def test_what_can_be_scheduled_has_words_that_come_from_what_is_controlled(made: Made) -> None:
    sp, box = made()
    objects = await sp.schedules.objects(HP)
    assert {one.word for one in objects} == {"evu", "sg-ready", "relay1", "relay2", "room", "power"}
    (evu,) = [one for one in objects if one.word == "evu"]
    assert evu.controlled == "HP/EvuGGIO1.SPCSO1"
    assert {slot: str(one) for slot, one in evu.schedules.items()} == {
        slot: f"SCH/EvuFSCH{slot}" for slot in (1, 2, 3, 4)
    }
    assert box.requests <= 20, "the thousands of names of the device are not listed"


async def test_without_a_data_set_of_what_is_controlled_it_is_found_all_the_same(made: Made) -> None:
    sp, box = made(blocks=Blocks())
    assert len(await sp.schedules.objects(HP)) == 6
    assert box.requests > 20, "by all names of the device"


async def test_a_schedule_is_set_and_runs_in_the_slot_of_the_grant(made: Made) -> None:
    sp, box = made(slot=3)
    assert str(await sp.schedules.set(HP, "evu", plan("1", "on", "0", False))) == "SCH/EvuFSCH3"
    assert box.shown("SCH/EvuFSCH3.SchdSt.stVal[ST]") == 3
    assert box.shown("SCH/EvuFSCH3.StrTm1.setTm[SP]").unix == START.timestamp()  # type: ignore[attr-defined]
    box.at(START + QUARTER)
    assert box.shown("SCH/EvuFSCC1.ActSchdRef.stVal[ST]") == "SCH/EvuFSCH3"
    assert box.shown("SCH/EvuFSCC1.ValSPS.stVal[ST]") is True
    box.at(START + 2 * QUARTER)
    assert box.shown("SCH/EvuFSCC1.ValSPS.stVal[ST]") is False


async def test_a_day_of_set_points_goes_in_one_write(made: Made) -> None:
    sp, _ = made()
    values = [18 + quarter / 16 for quarter in range(96)]
    await sp.schedules.set(HP, "room", plan(*values))
    (shown,) = await sp.schedules.show(HP, "room", slot=2)
    assert list(shown.values) == values
    assert (shown.unit, shown.interval, shown.state) == ("°C", QUARTER, "Ready")
    assert shown.next_start == START


@pytest.mark.parametrize(("day", "hours"), [(date(2027, 3, 28), 23), (date(2027, 10, 31), 25)])
async def test_a_day_of_a_file_is_the_houses_day_also_when_the_clocks_change(
    made: Made, day: date, hours: int
) -> None:
    """Each line holds its own hour of local time: the box has it when a clock on the wall shows it."""
    sp, box = made()
    begin = datetime(day.year, day.month, day.day, tzinfo=COPENHAGEN).astimezone(UTC)
    moments = [begin + at * QUARTER for at in range(4 * hours)]
    clocks = [moment.astimezone(COPENHAGEN) for moment in moments]
    table = "\n".join(f"{clock:%Y-%m-%dT%H:%M},{clock.hour + 5}" for clock in clocks)
    await sp.schedules.set(HP, "room", plan_from_csv(table, COPENHAGEN))
    seen = []
    for moment in moments:
        box.at(moment)
        seen.append(box.shown("SCH/RmFSCC1.ValMV.mag.f[MX]"))
    assert seen == [clock.hour + 5 for clock in clocks]
    box.at(moments[-1] + QUARTER)
    assert datetime.fromtimestamp(box.now, COPENHAGEN).hour == 0
    assert box.shown("SCH/RmFSCC1.ActSchdRef.stVal[ST]") == ""


async def test_setting_again_replaces_what_runs(made: Made) -> None:
    sp, box = made()
    await sp.schedules.set(HP, "evu", plan(1, 1, 1, 1))
    box.at(START)
    await sp.schedules.set(HP, "evu", plan(0, 1))
    (shown,) = await sp.schedules.show(HP, "evu", slot=2)
    assert (list(shown.values), shown.state, shown.entry) == ([False, True], "Running", 1)


async def test_a_slot_that_is_another_providers_is_refused(made: Made) -> None:
    sp, _ = made(slot=2)
    with pytest.raises(NotAllowed):
        await sp.schedules.set(HP, "evu", plan(1), slot=1)
    with pytest.raises(UnusableValue, match="has no slot 7; it has: 1, 2, 3, 4"):
        await sp.schedules.set(HP, "evu", plan(1), slot=7)


async def test_with_no_slot_at_all_it_says_whom_to_ask(made: Made) -> None:
    sp, _ = made(slot=9)
    with pytest.raises(NotAllowed, match="ask the operator of the hub for the right schedule"):
        await sp.schedules.set(HP, "evu", plan(1))


async def test_of_two_grants_it_is_the_one_that_lasts_until_the_start(made: Made) -> None:
    sp, box = made(slot=3)
    box.untils["1"] = START.timestamp()
    assert str(await sp.schedules.set(HP, "evu", plan(1))) == "SCH/EvuFSCH3"
    assert str(await sp.schedules.disable(HP, "evu")) == "SCH/EvuFSCH3", "the one that holds it"
    assert str(await sp.schedules.set(HP, "evu", plan(1, start=START - QUARTER))) == "SCH/EvuFSCH1"


async def test_a_start_after_the_end_of_the_grant_is_named_as_such(made: Made) -> None:
    sp, box = made(slot=9)
    box.untils["2"] = START.timestamp()
    with pytest.raises(NotAllowed, match="your grant for hp0001 ends before this schedule starts"):
        await sp.schedules.set(HP, "evu", plan(1))
    assert box.shown("SCH/EvuFSCH2.NumEntr.setVal[SP]") == 0


async def test_what_runs_goes_on_when_what_should_take_its_place_is_refused(made: Made) -> None:
    sp, box = made(slot=9)
    box.untils["2"] = START.timestamp() + 1
    await sp.schedules.set(HP, "evu", plan(1, 1))
    box.at(START)
    with pytest.raises(NotAllowed, match="ends before this schedule starts"):
        await sp.schedules.set(HP, "evu", plan(0, start=START + QUARTER))
    assert box.shown("SCH/EvuFSCH2.SchdSt.stVal[ST]") == 4
    assert box.shown("SCH/EvuFSCC1.ValSPS.stVal[ST]") is True


async def test_what_has_ended_does_not_take_the_place_of_what_is_there(made: Made) -> None:
    sp, box = made()
    await sp.schedules.set(HP, "evu", plan(1, 0))
    with pytest.raises(UnusableValue, match="this schedule ended at 2026-11-29T16:15Z: give a later start"):
        await sp.schedules.set(HP, "evu", plan(1, start=START - timedelta(days=2)))
    assert box.shown("SCH/EvuFSCH2.SchdSt.stVal[ST]") == 3
    await sp.schedules.set(HP, "evu", plan(1, start=START - timedelta(days=2), repeat=Repeat.DAILY))


async def test_finding_the_slot_changes_nothing_and_works_while_the_schedule_runs(made: Made) -> None:
    sp, box = made(slot=4)
    await sp.schedules.set(HP, "evu", plan(1, 0))
    box.at(START)
    before = box.shown("SCH/EvuFSCH4[SP]")
    assert await sp.schedules.slot(HP, "evu") == 4
    assert box.shown("SCH/EvuFSCH4[SP]") == before
    assert box.shown("SCH/EvuFSCH4.SchdSt.stVal[ST]") == 4


@pytest.mark.parametrize(
    ("what", "values", "complaint"),
    [
        ("evu", ["maybe"], "value 1: 'maybe' is neither on nor off"),
        ("sg-ready", ["2", "2.5"], "value 2: '2.5' is not a whole number"),
        ("room", ["warm"], "value 1: 'warm' is not a number"),
        ("evu", [1] * 101, "SCH/EvuFSCH2 has 100 entries: 101 values do not fit"),
        ("oven", [1], "'oven' cannot be scheduled here: use one of .*evu.*sg-ready"),
    ],
)
async def test_what_does_not_fit_is_never_written(
    made: Made, what: str, values: list[object], complaint: str
) -> None:
    sp, box = made()
    with pytest.raises(UnusableValue, match=complaint):
        await sp.schedules.set(HP, what, plan(*values))
    assert box.shown("SCH/EvuFSCH2.SchdIntv.setVal[SP]") == 0


@pytest.mark.parametrize(
    ("what", "wanted", "reason"),
    [
        ("room", plan(40.0), "Missing valid schedule values"),
    ],
)
async def test_a_refusal_says_the_reason_of_the_device(
    made: Made, what: str, wanted: SchedulePlan, reason: str
) -> None:
    sp, _ = made()
    with pytest.raises(ScheduleNotEnabled, match=f"does not enable SCH/.*: {reason}") as refused:
        await sp.schedules.set(HP, what, wanted)
    assert refused.value.reason == reason


async def test_set_without_enabling_then_enable_then_disable(made: Made) -> None:
    sp, box = made()
    await sp.schedules.set(HP, "relay1", plan(1), enable=False)
    assert box.shown("SCH/Rl1FSCH2.SchdSt.stVal[ST]") == 1
    await sp.schedules.enable(HP, "relay1")
    assert box.shown("SCH/Rl1FSCH2.SchdSt.stVal[ST]") == 3
    await sp.schedules.disable(HP, "relay1")
    assert box.shown("SCH/Rl1FSCH2.SchdSt.stVal[ST]") == 1


async def test_clear_leaves_nothing_to_enable(made: Made) -> None:
    sp, box = made()
    await sp.schedules.set(HP, "HP/EvuGGIO1.SPCSO1", plan(1, repeat=Repeat.DAILY))
    box.at(START)
    await sp.schedules.clear(HP, "SCH/EvuFSCC1")
    assert box.shown("SCH/EvuFSCC1.ActSchdRef.stVal[ST]") == ""
    (shown,) = await sp.schedules.show(HP, "evu", slot=2)
    assert shown.empty and list(shown.starts) == []
    with pytest.raises(ScheduleNotEnabled, match="Missing valid NumEntr"):
        await sp.schedules.enable(HP, "evu")


@pytest.mark.parametrize(
    ("repeat", "words", "following"),
    [
        (Repeat.DAILY, "daily at 17:00", timedelta(days=1)),
        (Repeat.WEEKLY, "every Tuesday at 17:00", timedelta(days=7)),
    ],
)
async def test_a_repeated_schedule_is_set_by_the_calendar(
    made: Made, repeat: Repeat, words: str, following: timedelta
) -> None:
    sp, box = made()
    await sp.schedules.set(HP, "evu", plan(1, start=START.replace(tzinfo=UTC), repeat=repeat))
    (shown,) = await sp.schedules.show(HP, "evu", slot=2)
    assert list(shown.starts) == [f"{words}, from 2026-12-01T17:00:00.000Z on"]
    box.at(START.replace(tzinfo=UTC) + QUARTER)
    (shown,) = await sp.schedules.show(HP, "evu", slot=2)
    assert shown.next_start == START.replace(tzinfo=UTC) + following


async def test_setting_once_what_was_repeated_starts_once(made: Made) -> None:
    sp, _ = made()
    await sp.schedules.set(HP, "evu", plan(1, repeat=Repeat.DAILY))
    await sp.schedules.set(HP, "evu", plan(1))
    (shown,) = await sp.schedules.show(HP, "evu", slot=2)
    assert list(shown.starts) == ["2026-12-01T16:00:00.000Z"]


async def test_show_tells_who_wins_and_leaves_out_what_may_not_be_seen(made: Made) -> None:
    sp, box = made(slot=2, visible="24")
    await sp.schedules.set(HP, "evu", plan(1, 0))
    box.at(START)
    shown = await sp.schedules.show(HP, "evu")
    assert [(one.slot, one.wins, one.state, one.entry) for one in shown] == [
        (2, True, "Running", 1),
        (4, False, "Not ready", 0),
    ]
    assert shown[0].active_start == START
    assert [(one.start, one.value) for one in shown[0].segments()] == [
        (START, True),
        (START + QUARTER, False),
    ]
    everything = await sp.schedules.show(HP)
    assert len(everything) == 12
    with pytest.raises(NotAllowed):
        await sp.schedules.show(HP, "evu", slot=1)


async def test_shown_for_a_program(made: Made) -> None:
    sp, _ = made()
    await sp.schedules.set(HP, "sg-ready", plan(1, 2))
    (shown,) = await sp.schedules.show(HP, "sg-ready", slot=2)
    assert shown.as_dict() == {
        "heatpump": HP,
        "object": "sg-ready",
        "controlled": "HP/SgrGGIO1.ISCSO1",
        "schedule": "SCH/SgrFSCH2",
        "slot": 2,
        "state": "Ready",
        "error": "",
        "wins": False,
        "priority": 0,
        "reuse": False,
        "entry": None,
        "active_start": None,
        "next_start": "2026-12-01T16:00:00.000Z",
        "starts": ["2026-12-01T16:00:00.000Z"],
        "interval": 900.0,
        "unit": "",
        "values": [1, 2],
    }


async def test_an_interval_is_written_in_the_unit_of_the_device(made: Made) -> None:
    sp, box = made()
    node = box.server.tree.find(
        Reference("SCH", "EvuFSCH2", ("SchdIntv", "units", "SIUnit"), FunctionalConstraint.CF)
    )
    node.value = 85  # type: ignore[union-attr]  # minutes
    await sp.schedules.set(HP, "evu", plan(1))
    assert box.shown("SCH/EvuFSCH2.SchdIntv.setVal[SP]") == 15
    with pytest.raises(UnusableValue, match="counts intervals in 60 s: 0:00:30 is no multiple"):
        await sp.schedules.set(HP, "evu", SchedulePlan(START, timedelta(seconds=30), [1]))


async def test_a_heat_pump_without_schedules_says_so(made: Made) -> None:
    sp, box = made()
    del box.server.tree.devices["SCH"]
    with pytest.raises(NoSuchObject):
        await sp.schedules.show(HP)


async def test_a_setting_that_the_device_refuses_enables_nothing(made: Made) -> None:
    sp, box = made()
    leaf = box.server.tree.value_leaf(Reference.parse("SCH/EvuFSCH2.ValSPG002"))
    leaf.writable = False
    with pytest.raises(ServiceErrorReceived, match="ValSPG002"):
        await sp.schedules.set(HP, "evu", plan(1, 1))
    assert box.shown("SCH/EvuFSCH2.SchdSt.stVal[ST]") == 1
