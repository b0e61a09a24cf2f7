"""Which schedule wins for a controlled object, and that the model says so (7-4 FSCC; 90-10, 5.5.3)."""

from __future__ import annotations

import pytest
from box_model import box_tree
from schedule_scene import QUARTER, START, ScheduleBox, told

from iec61850_model.reference import Reference
from iec61850_model.server import Server
from iec61850_model.server.schedules.calendar import CalendarTime, Occurrence, Period

ROOM = "HP/RmFSPT1.SptVal"
DAILY = CalendarTime(Occurrence.TIME, Period.DAY, hour=15)


@pytest.fixture
def box() -> ScheduleBox:
    return ScheduleBox()


def test_the_higher_number_is_the_higher_priority(box: ScheduleBox) -> None:
    box.plan("RmFSCH1", [18.0] * 4, priority=1)
    box.plan("RmFSCH2", [21.0], start=START + QUARTER, priority=2)
    box.plan("RmFSCH3", [25.0] * 4, priority=-5)
    for slot in (1, 2, 3):
        box.enable(f"RmFSCH{slot}")
    assert told(box.at(START)) == [(ROOM, 18.0, "SCH/RmFSCH1")]
    assert told(box.at(START + QUARTER)) == [(ROOM, 21.0, "SCH/RmFSCH2")]
    assert box.active("RmFSCC1") == "SCH/RmFSCH2"
    assert told(box.at(START + 2 * QUARTER)) == [(ROOM, 18.0, "SCH/RmFSCH1")], "the loser ran on meanwhile"
    assert box.entry("RmFSCH1") == 3


def test_of_equal_priorities_the_later_start_wins(box: ScheduleBox) -> None:
    box.plan("RmFSCH1", [18.0] * 8)
    box.plan("RmFSCH2", [21.0] * 2, start=START + QUARTER)
    box.enable("RmFSCH1")
    box.enable("RmFSCH2")
    winners = [drive.schedule for _, drive in box.through(START + 4 * QUARTER)]
    assert winners == ["SCH/RmFSCH1", "SCH/RmFSCH2", "SCH/RmFSCH2", "SCH/RmFSCH1", "SCH/RmFSCH1"]


def test_of_equal_starts_too_the_first_of_the_controller_wins(box: ScheduleBox) -> None:
    for slot in (3, 2, 4):
        box.plan(f"RmFSCH{slot}", [18.0 + slot])
        box.enable(f"RmFSCH{slot}")
    assert told(box.at(START)) == [(ROOM, 20.0, "SCH/RmFSCH2")]


def test_a_winner_that_is_disabled_gives_way_at_once(box: ScheduleBox) -> None:
    box.plan("RmFSCH1", [18.0], priority=1)
    box.plan("RmFSCH2", [21.0], priority=2)
    box.enable("RmFSCH1")
    box.enable("RmFSCH2")
    box.at(START)
    assert told(box.disable("RmFSCH2")) == [(ROOM, 18.0, "SCH/RmFSCH1")]
    assert box.active("RmFSCC1") == "SCH/RmFSCH1"


def test_a_loser_that_is_disabled_changes_nothing(box: ScheduleBox) -> None:
    box.plan("RmFSCH1", [18.0], priority=1)
    box.plan("RmFSCH2", [21.0], priority=2)
    box.enable("RmFSCH1")
    box.enable("RmFSCH2")
    box.at(START)
    assert box.disable("RmFSCH1") == []


def test_a_schedule_enabled_with_a_higher_priority_takes_over_in_the_middle(box: ScheduleBox) -> None:
    box.plan("RmFSCH1", [18.0] * 4)
    box.enable("RmFSCH1")
    box.at(START + 60)
    box.plan("RmFSCH2", [21.0] * 4, priority=9)
    assert told(box.enable("RmFSCH2")) == [(ROOM, 21.0, "SCH/RmFSCH2")]


def test_each_controlled_object_has_a_winner_of_its_own(box: ScheduleBox) -> None:
    box.plan("EvuFSCH1", [True])
    box.plan("RmFSCH1", [21.0])
    box.enable("EvuFSCH1")
    box.enable("RmFSCH1")
    assert sorted(told(box.at(START))) == [
        ("HP/EvuGGIO1.SPCSO1", True, "SCH/EvuFSCH1"),
        (ROOM, 21.0, "SCH/RmFSCH1"),
    ]
    assert (box.active("EvuFSCC1"), box.active("SgrFSCC1")) == ("SCH/EvuFSCH1", "")


def test_a_reserve_schedule_fills_every_gap_day_after_day(box: ScheduleBox) -> None:
    """The lowest priority and a start every day, as long as a day: it always runs, and loses always."""
    box.plan("RmFSCH4", [17.0] * 24, start=None, interval=3600, priority=-100)
    box.start_time("RmFSCH4", 1, None, DAILY)
    box.plan("RmFSCH1", [21.0], start=START + 86_400, interval=7200)
    box.enable("RmFSCH4")
    box.enable("RmFSCH1")
    seen = box.through(START + 4 * 86_400)
    assert None not in [drive.value for _, drive in seen], (
        "between one day's run and the next there is no gap"
    )
    assert [at - START for at, drive in seen if drive.value == 21.0] == [86_400]
    assert box.active("RmFSCC1") == "SCH/RmFSCH4"


def test_after_a_restart_the_same_one_wins(box: ScheduleBox) -> None:
    for slot, priority in ((1, 5), (2, 7), (3, 7)):
        box.plan(f"RmFSCH{slot}", [18.0 + slot] * 4, priority=priority)
        box.enable(f"RmFSCH{slot}")
    assert told(box.at(START)) == [(ROOM, 20.0, "SCH/RmFSCH2")]
    assert told(box.restart(QUARTER)) == [(ROOM, 20.0, "SCH/RmFSCH2")]


@pytest.mark.parametrize(
    ("setting", "text", "complaint"),
    [
        ("CtlEnt", "HP/EvuGGIO1.SPCSO9", "HP/EvuGGIO1.SPCSO9 is no data object"),
        ("CtlEnt", "", "is not a reference"),
        ("Schd3", "SCH/EvuFSCH9", "SCH/EvuFSCH9 is no schedule"),
    ],
)
def test_a_controller_that_leads_to_nothing_is_not_served(setting: str, text: str, complaint: str) -> None:
    tree = box_tree()
    tree.value_leaf(Reference("SCH", "EvuFSCC1", (setting,))).value = text
    with pytest.raises(ValueError, match=complaint):
        Server(tree)
