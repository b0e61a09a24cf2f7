"""One schedule: its states, start times and entries (7-4 FSCH, Annex K). Dialogues on the shipped model."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from box_server import OTHER, named, refusal, written
from schedule_scene import QUARTER, START, ScheduleBox, drives, told

from iec61850_model.mms.pdu import ConfirmedRequest, Data, DataAccessError, WriteRequest
from iec61850_model.server import Moment, Reply, Send, Settled
from iec61850_model.server.schedules import EnablingError, InMemory, ScheduleState
from iec61850_model.server.schedules.calendar import CalendarTime, Occurrence, Period
from iec61850_model.values import AddCause, FunctionalConstraint, Quality, Timestamp

BLOCK = "HP/EvuGGIO1.SPCSO1"
DAILY_AT_FIVE = CalendarTime(Occurrence.TIME, Period.DAY, hour=17)
NO_CALENDAR = CalendarTime(Occurrence.NONE, Period.DAY)
NOT_READY, WAITING, READY, RUNNING = ScheduleState
_CF = FunctionalConstraint.CF


@pytest.fixture
def box() -> ScheduleBox:
    return ScheduleBox()


# --- enabling -------------------------------------------------------------------------------------


def test_a_schedule_goes_through_its_states(box: ScheduleBox) -> None:
    box.plan("EvuFSCH1", [True, False])
    assert box.state("EvuFSCH1") is NOT_READY
    assert box.enable("EvuFSCH1") == []
    assert box.state("EvuFSCH1") is READY
    assert box.time("EvuFSCH1", "NxtStrTm") == START
    assert told(box.at(START)) == [(BLOCK, True, "SCH/EvuFSCH1")]
    assert box.state("EvuFSCH1") is RUNNING
    assert told(box.at(START + QUARTER)) == [(BLOCK, False, "SCH/EvuFSCH1")]
    assert told(box.at(START + 2 * QUARTER)) == [(BLOCK, None, "")]
    assert box.state("EvuFSCH1") is NOT_READY


@pytest.mark.parametrize(
    ("setting", "value", "error"),
    [
        ("NumEntr.setVal", Data("integer", 0), EnablingError.NUMBER),
        ("NumEntr.setVal", Data("integer", 101), EnablingError.NUMBER),
        ("NumEntr.setVal", Data("integer", -1), EnablingError.NUMBER),
        ("SchdIntv.setVal", Data("integer", 0), EnablingError.INTERVAL),
        ("SchdIntv.setVal", Data("integer", -900), EnablingError.INTERVAL),
        ("ValING002.setVal", Data("integer", 5), EnablingError.VALUES),
        ("StrTm1.setCal.hr", Data("unsigned", 24), EnablingError.NONE),
    ],
)
def test_enabling_is_refused_with_its_reason(
    box: ScheduleBox, setting: str, value: Data, error: EnablingError
) -> None:
    box.plan("SgrFSCH2", [2, 3])
    assert box.write({f"SCH/SgrFSCH2.{setting}[SP]": value}) == (None,)
    if error is EnablingError.NONE:  # of a calendar that says nothing nothing counts
        assert box.enable("SgrFSCH2") == []
        return
    assert box.refused("SgrFSCH2") is error
    assert box.state("SgrFSCH2") is NOT_READY
    box.plan("SgrFSCH2", [2, 3])
    box.enable("SgrFSCH2")
    assert box.error("SgrFSCH2") is EnablingError.NONE, "the reason is that of the last request"


def test_a_schedule_needs_a_start_time_that_is_still_to_come_or_whose_run_is_not_over(
    box: ScheduleBox,
) -> None:
    box.plan("EvuFSCH1", [True], start=None)
    assert box.refused("EvuFSCH1") is EnablingError.START_TIME
    box.plan("EvuFSCH1", [True], start=box.moment.now - QUARTER)
    assert box.refused("EvuFSCH1") is EnablingError.START_TIME
    box.plan("EvuFSCH1", [True], start=box.moment.now - QUARTER + 1)
    assert told(box.enable("EvuFSCH1")) == [(BLOCK, True, "SCH/EvuFSCH1")]


def test_a_calendar_that_can_never_be_is_no_start_time_beside_one_that_can(box: ScheduleBox) -> None:
    box.plan("EvuFSCH1", [True])
    box.start_time("EvuFSCH1", 2, None, CalendarTime(Occurrence.DAY_OF_MONTH, Period.YEAR, day=30, month=2))
    assert box.refused("EvuFSCH1") is EnablingError.START_TIME


def test_a_value_outside_what_the_controlled_object_takes_is_refused(box: ScheduleBox) -> None:
    box.plan("RmFSCH1", [20.0, 30.5])
    assert box.refused("RmFSCH1") is EnablingError.VALUES
    box.plan("RmFSCH1", [20.0, 30.0])
    box.enable("RmFSCH1")


def test_values_of_another_kind_than_the_controlled_object_takes_are_refused(box: ScheduleBox) -> None:
    leaf = box.tree.value_leaf(box.server.schedules.controllers[0].node.child("CtlEnt"))
    leaf.value = "HP/SgrGGIO1.ISCSO1"
    box.restart()
    # What CtlEnt said is a setting, and so came back with the restart.
    box.plan("EvuFSCH1", [True])
    assert box.refused("EvuFSCH1") is EnablingError.KIND


def test_a_refusal_says_inconsistent_parameters_and_the_write_fails(box: ScheduleBox) -> None:
    effects = box.request("EvuFSCH1", "EnaReq")
    cause, results = refusal([one for one in effects if isinstance(one, Send | Reply)])
    assert cause is AddCause.INCONSISTENT_PARAMETERS
    assert results == (DataAccessError.TEMPORARILY_UNAVAILABLE,)


def test_asking_again_for_what_is_enabled_changes_nothing(box: ScheduleBox) -> None:
    box.plan("EvuFSCH1", [True, True])
    box.enable("EvuFSCH1")
    box.at(START)
    assert box.enable("EvuFSCH1") == []
    assert (box.state("EvuFSCH1"), box.entry("EvuFSCH1")) == (RUNNING, 1)


def test_a_request_for_false_asks_for_nothing(box: ScheduleBox) -> None:
    box.plan("EvuFSCH1", [True])
    assert written(box.request("EvuFSCH1", "EnaReq", value=False)) == (None,)
    assert box.state("EvuFSCH1") is NOT_READY
    box.enable("EvuFSCH1")
    assert written(box.request("EvuFSCH1", "DsaReq", value=False)) == (None,)
    assert box.state("EvuFSCH1") is READY


def test_settings_and_the_request_in_one_write_count_together(box: ScheduleBox) -> None:
    box.plan("EvuFSCH1", [True], start=None)
    start = Data("utc-time", Timestamp.from_unix(START))
    request = WriteRequest(
        named("SCH/EvuFSCH1.StrTm1.setTm[SP]", "SCH/EvuFSCH1.EnaReq.Oper[CO]"),
        (start, box.oper(Data("boolean", True))),
    )
    effects = box.hear(ConfirmedRequest(7, request))
    assert written(effects) == (None, None)
    assert [type(effect) for effect in effects] == [Settled, Reply], "kept before it is answered"
    assert box.state("EvuFSCH1") is READY


# --- disabling ------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [NOT_READY, READY, RUNNING])
def test_a_schedule_is_disabled_from_any_state(box: ScheduleBox, state: ScheduleState) -> None:
    box.plan("EvuFSCH1", [True])
    if state is not NOT_READY:
        box.enable("EvuFSCH1")
    if state is RUNNING:
        box.at(START)
    assert box.state("EvuFSCH1") is state
    driven = box.disable("EvuFSCH1")
    assert told(driven) == ([(BLOCK, None, "")] if state is RUNNING else [])
    assert box.state("EvuFSCH1") is NOT_READY
    assert box.time("EvuFSCH1", "NxtStrTm") is None
    assert box.through(START + 4 * QUARTER) == [], "it never starts"


# --- entries --------------------------------------------------------------------------------------


def test_each_entry_is_shown_with_its_number_value_and_until_when_it_counts(box: ScheduleBox) -> None:
    box.plan("RmFSCH1", [20.0, 22.5, 19.0])
    box.enable("RmFSCH1")
    assert (box.entry("RmFSCH1"), box.time("RmFSCH1", "ActStrTm")) == (0, None)
    assert box.quality("SCH/RmFSCH1.ValMV.q[MX]") == Quality.INVALID
    seen = box.through(START + 5 * QUARTER)
    assert [(at - START, drive.value, drive.until) for at, drive in seen] == [
        (0, 20.0, START + QUARTER),
        (QUARTER, 22.5, START + 2 * QUARTER),
        (2 * QUARTER, 19.0, START + 3 * QUARTER),
        (3 * QUARTER, None, None),
    ]


def test_the_model_shows_the_entry_in_force_and_nothing_afterwards(box: ScheduleBox) -> None:
    box.plan("RmFSCH1", [20.0, 22.5])
    box.enable("RmFSCH1")
    box.at(START + QUARTER)
    assert box.entry("RmFSCH1") == 2
    for node in ("RmFSCH1", "RmFSCC1"):
        assert box.shown(f"SCH/{node}.ValMV.mag.f[MX]") == 22.5
        assert box.quality(f"SCH/{node}.ValMV.q[MX]") == Quality(0)
    assert box.active("RmFSCC1") == "SCH/RmFSCH1"
    assert box.time("RmFSCH1", "ActStrTm") == START
    box.at(START + 2 * QUARTER)
    assert box.entry("RmFSCH1") == 0
    for node in ("RmFSCH1", "RmFSCC1"):
        assert box.quality(f"SCH/{node}.ValMV.q[MX]") == Quality.INVALID
    assert box.active("RmFSCC1") == ""
    assert box.time("RmFSCH1", "ActStrTm") is None


def test_a_late_start_does_not_shift_the_entries(box: ScheduleBox) -> None:
    box.plan("EvuFSCH1", [False, True, False, True])
    box.enable("EvuFSCH1")
    (driven,) = box.at(START + QUARTER + 600)
    assert (driven.value, driven.until) == (True, START + 2 * QUARTER)
    assert (box.entry("EvuFSCH1"), box.time("EvuFSCH1", "ActStrTm")) == (2, START)


def test_entries_that_were_slept_over_are_left_out_and_told_once(box: ScheduleBox) -> None:
    box.plan("SgrFSCH1", [1, 2, 3, 4])
    box.enable("SgrFSCH1")
    box.at(START)
    assert told(box.at(START + 3.5 * QUARTER)) == [("HP/SgrGGIO1.ISCSO1", 4, "SCH/SgrFSCH1")]


def test_an_entry_of_the_same_value_is_told_for_it_counts_longer(box: ScheduleBox) -> None:
    box.plan("EvuFSCH1", [True, True])
    box.enable("EvuFSCH1")
    assert [drive.until for drive in box.at(START)] == [START + QUARTER]
    assert [drive.until for drive in box.at(START + QUARTER)] == [START + 2 * QUARTER]


def test_a_day_of_25_hours_fits_in_quarters(box: ScheduleBox) -> None:
    box.plan("EvuFSCH1", [quarter % 2 == 0 for quarter in range(100)])
    box.enable("EvuFSCH1")
    assert len(box.through(START + 26 * 3600)) == 101


def test_an_interval_has_the_unit_the_model_gives(box: ScheduleBox) -> None:
    node = box.server.schedules.controllers[0].schedules[0].node
    unit = box.tree.find(node.child("SchdIntv", "units", "SIUnit").with_fc(_CF))
    assert unit is not None
    unit.value = 85  # type: ignore[union-attr]  # minutes; the shipped model has seconds
    box.plan("EvuFSCH1", [True, False], interval=15)
    box.enable("EvuFSCH1")
    assert [at - START for at, _ in box.through(START + 3600)] == [0, QUARTER, 2 * QUARTER]


# --- start times ----------------------------------------------------------------------------------


def test_several_one_off_starts_run_one_after_the_other_and_then_it_is_over(box: ScheduleBox) -> None:
    box.plan("EvuFSCH1", [True])
    box.start_time("EvuFSCH1", 3, START + 7200, NO_CALENDAR)
    box.enable("EvuFSCH1")
    seen = box.through(START + 5000)
    assert [(at - START, drive.value) for at, drive in seen] == [(0, True), (QUARTER, None)]
    assert (box.state("EvuFSCH1"), box.time("EvuFSCH1", "NxtStrTm")) == (READY, START + 7200)
    seen = box.through(START + 10_000)
    assert [(at - START, drive.value) for at, drive in seen] == [(7200, True), (7200 + QUARTER, None)]
    assert box.state("EvuFSCH1") is NOT_READY


def test_every_day_at_five_is_five_by_the_clock_of_the_house_when_summer_time_ends() -> None:
    box = ScheduleBox(ZoneInfo("Europe/Copenhagen"))
    saturday = datetime(2026, 10, 24, 12, tzinfo=ZoneInfo("Europe/Copenhagen"))
    box.at(saturday.timestamp())
    box.plan("EvuFSCH1", [True], start=None)
    box.start_time("EvuFSCH1", 1, None, DAILY_AT_FIVE)
    box.enable("EvuFSCH1")
    on = [at for at, drive in box.through(saturday.timestamp() + 3 * 86_400) if drive.value]
    assert [datetime.fromtimestamp(at, UTC).hour for at in on] == [15, 16, 16]


def test_a_calendar_with_a_time_does_not_begin_before_it(box: ScheduleBox) -> None:
    box.plan("EvuFSCH1", [True])
    third = datetime(2026, 12, 3, 17, tzinfo=UTC).timestamp()
    box.start_time("EvuFSCH1", 1, third, DAILY_AT_FIVE)
    box.enable("EvuFSCH1")
    assert box.time("EvuFSCH1", "NxtStrTm") == third, "one at the time itself counts"
    on = [at for at, drive in box.through(third + 90_000) if drive.value]
    assert on == [third, third + 86_400]


def test_enabled_in_the_middle_of_a_daily_run_it_runs_as_if_started_on_time(box: ScheduleBox) -> None:
    box.at(datetime(2026, 12, 1, 17, 20, tzinfo=UTC).timestamp())
    box.plan("EvuFSCH1", [False, True, False], start=None)
    box.start_time("EvuFSCH1", 1, None, DAILY_AT_FIVE)
    assert told(box.enable("EvuFSCH1")) == [(BLOCK, True, "SCH/EvuFSCH1")]
    assert box.entry("EvuFSCH1") == 2


def test_a_start_that_comes_while_it_runs_starts_it_anew(box: ScheduleBox) -> None:
    box.plan("RmFSCH1", [18.0, 19.0, 20.0, 21.0])
    box.start_time("RmFSCH1", 2, START + 1.5 * QUARTER, NO_CALENDAR)
    box.enable("RmFSCH1")
    seen = box.through(START + 10 * QUARTER)
    assert [((at - START) / QUARTER, drive.value) for at, drive in seen] == [
        (0, 18.0),
        (1, 19.0),
        (1.5, 18.0),
        (2.5, 19.0),
        (3.5, 20.0),
        (4.5, 21.0),
        (5.5, None),
    ]
    assert seen[1][1].until == START + 1.5 * QUARTER, "an entry does not outlast the next start"


# --- reuse ----------------------------------------------------------------------------------------


def test_a_reusable_schedule_waits_for_another_start_time_when_its_last_is_over(box: ScheduleBox) -> None:
    box.plan("EvuFSCH1", [True], reuse=True)
    box.enable("EvuFSCH1")
    box.through(START + QUARTER)
    assert box.state("EvuFSCH1") is WAITING
    again = START + 86_400
    box.start_time("EvuFSCH1", 1, again, NO_CALENDAR)
    assert (box.state("EvuFSCH1"), box.time("EvuFSCH1", "NxtStrTm")) == (READY, again)
    assert [drive.value for _, drive in box.through(again + 2 * QUARTER)] == [True, None]
    assert box.state("EvuFSCH1") is WAITING


def test_one_that_waits_stays_waiting_for_a_start_time_that_is_over(box: ScheduleBox) -> None:
    box.plan("EvuFSCH1", [True], reuse=True)
    box.enable("EvuFSCH1")
    box.through(START + QUARTER)
    box.start_time("EvuFSCH1", 1, START - 5 * QUARTER, NO_CALENDAR)
    assert (box.state("EvuFSCH1"), box.error("EvuFSCH1")) == (WAITING, EnablingError.START_TIME)


def test_one_that_waits_may_be_changed_and_is_checked_anew(box: ScheduleBox) -> None:
    box.plan("SgrFSCH1", [3], reuse=True)
    box.enable("SgrFSCH1")
    box.through(START + QUARTER)
    assert box.write({"SCH/SgrFSCH1.ValING001.setVal[SP]": Data("integer", 9)}) == (None,)
    box.start_time("SgrFSCH1", 1, START + 7200, NO_CALENDAR)
    assert (box.state("SgrFSCH1"), box.error("SgrFSCH1")) == (NOT_READY, EnablingError.VALUES)


def test_one_that_waits_can_be_disabled(box: ScheduleBox) -> None:
    box.plan("EvuFSCH1", [True], reuse=True)
    box.enable("EvuFSCH1")
    box.through(START + QUARTER)
    box.disable("EvuFSCH1")
    box.start_time("EvuFSCH1", 1, START + 7200, NO_CALENDAR)
    assert box.state("EvuFSCH1") is NOT_READY


# --- locked settings ------------------------------------------------------------------------------


@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("SchdPrio.setVal", Data("integer", 9)),
        ("NumEntr.setVal", Data("integer", 1)),
        ("SchdIntv.setVal", Data("integer", 60)),
        ("SchdReuse.setVal", Data("boolean", True)),
        ("ValSPG001.setVal", Data("boolean", False)),
        ("ValSPG001", Data("structure", (Data("boolean", False),))),
        ("StrTm1.setCal.hr", Data("unsigned", 3)),
    ],
)
def test_settings_are_locked_while_ready_or_running(
    box: ScheduleBox, running: bool, setting: str, value: Data
) -> None:
    box.plan("EvuFSCH1", [True, True])
    box.enable("EvuFSCH1")
    if running:
        box.at(START)
    before = box.shown("SCH/EvuFSCH1[SP]")
    assert box.write({f"SCH/EvuFSCH1.{setting}[SP]": value}) == (DataAccessError.TEMPORARILY_UNAVAILABLE,)
    assert box.shown("SCH/EvuFSCH1[SP]") == before
    box.disable("EvuFSCH1")
    assert box.write({f"SCH/EvuFSCH1.{setting}[SP]": value}) == (None,)


def test_the_settings_of_another_schedule_are_not_locked_with_it(box: ScheduleBox) -> None:
    box.plan("EvuFSCH1", [True])
    box.enable("EvuFSCH1")
    box.plan("EvuFSCH2", [True])


# --- the clock ------------------------------------------------------------------------------------


def test_nothing_starts_before_the_clock_was_synchronized_once() -> None:
    box = ScheduleBox()
    box.plan("EvuFSCH1", [True, False])
    box.enable("EvuFSCH1")
    box.keeper.clock_known = False
    assert box.restart(3600, synchronized=False) == []
    assert box.state("EvuFSCH1") is READY
    assert box.at(START + 100, synchronized=False) == []
    assert box.server.schedules.next_tick() is None
    # The clock was 800 s slow; now it is right, and so is the entry.
    assert [drive.value for drive in box.at(START + QUARTER)] == [False]


def test_a_clock_that_loses_its_source_ends_nothing(box: ScheduleBox) -> None:
    box.plan("EvuFSCH1", [True, False])
    box.enable("EvuFSCH1")
    box.at(START)
    assert [drive.value for drive in box.at(START + QUARTER, synchronized=False)] == [False]
    box.plan("Rl1FSCH1", [True], start=START + 3600)
    box.moment = Moment(START + 1000)
    box.enable("Rl1FSCH1")
    assert told(box.at(START + 3600, synchronized=False))[-1] == ("HP/RlyGGIO1.SPCSO1", True, "SCH/Rl1FSCH1")


def test_a_clock_set_back_a_little_switches_nothing_to_and_fro(box: ScheduleBox) -> None:
    box.plan("EvuFSCH1", [True, False])
    box.enable("EvuFSCH1")
    box.at(START)
    assert box.at(START - 30) == []
    box.at(START + QUARTER)
    assert box.at(START + QUARTER - 30) == []
    assert box.entry("EvuFSCH1") == 2


def test_a_clock_that_was_wrong_by_hours_is_believed_when_it_is_right(box: ScheduleBox) -> None:
    box.plan("EvuFSCH1", [True, False])
    box.enable("EvuFSCH1")
    box.at(START)
    assert told(box.at(START - 3000)) == [(BLOCK, None, "")]
    assert box.state("EvuFSCH1") is READY
    assert [drive.value for drive in box.at(START)] == [True]


# --- restarts -------------------------------------------------------------------------------------


def test_a_running_schedule_goes_on_at_the_right_entry_after_a_restart(box: ScheduleBox) -> None:
    box.plan("RmFSCH1", [18.0, 19.0, 20.0])
    box.enable("RmFSCH1")
    box.at(START)
    (driven,) = box.restart(QUARTER + 60)
    assert (driven.value, driven.until) == (19.0, START + 2 * QUARTER)
    assert (box.state("RmFSCH1"), box.entry("RmFSCH1")) == (RUNNING, 2)
    assert box.write({"SCH/RmFSCH1.SchdPrio.setVal[SP]": Data("integer", 1)}) == (
        DataAccessError.TEMPORARILY_UNAVAILABLE,
    )


def test_a_start_that_was_missed_while_the_box_was_off_runs_as_if_started_on_time(box: ScheduleBox) -> None:
    box.plan("RmFSCH1", [18.0, 19.0, 20.0])
    box.enable("RmFSCH1")
    (driven,) = box.restart(3600 + 2 * QUARTER)
    assert driven.value == 20.0


@pytest.mark.parametrize(("reuse", "state"), [(False, NOT_READY), (True, WAITING)])
def test_a_run_that_ended_while_the_box_was_off_is_over(
    box: ScheduleBox, reuse: bool, state: ScheduleState
) -> None:
    box.plan("EvuFSCH1", [True], reuse=reuse)
    box.enable("EvuFSCH1")
    box.at(START)
    assert box.restart(86_400) == []
    assert (box.state("EvuFSCH1"), box.error("EvuFSCH1")) == (state, EnablingError.NONE)


def test_one_that_waits_for_a_start_time_still_waits_after_a_restart(box: ScheduleBox) -> None:
    box.plan("EvuFSCH1", [True], reuse=True)
    box.enable("EvuFSCH1")
    box.through(START + QUARTER)
    box.restart()
    assert box.state("EvuFSCH1") is WAITING
    box.start_time("EvuFSCH1", 1, START + 7200, NO_CALENDAR)
    assert box.state("EvuFSCH1") is READY


def test_a_disabled_schedule_stays_disabled_after_a_restart(box: ScheduleBox) -> None:
    box.plan("EvuFSCH1", [True])
    box.enable("EvuFSCH1")
    box.disable("EvuFSCH1")
    assert box.restart(3600) == []
    assert box.state("EvuFSCH1") is NOT_READY


def test_who_enabled_a_schedule_is_known_after_a_restart(box: ScheduleBox) -> None:
    box.plan("EvuFSCH1", [True])
    box.enable("EvuFSCH1")
    origin = box.shown("SCH/EvuFSCH1.EnaReq.origin[ST]")
    assert origin == (Data("integer", 3), Data("octet-string", b"agg7"))
    box.restart()
    assert box.shown("SCH/EvuFSCH1.EnaReq.origin[ST]") == origin


def test_a_machine_whose_clock_was_synchronized_before_goes_on_when_the_process_was_killed() -> None:
    box = ScheduleBox(keeper=InMemory())
    box.plan("EvuFSCH1", [True, False])
    box.enable("EvuFSCH1")
    box.at(START)
    assert box.keeper.clock_known
    assert [drive.value for drive in box.restart(60, synchronized=False)] == [True]


class FullDisk(InMemory):
    """A keeper that cannot keep anything any more once it is full."""

    full = False

    def keep(self, schedules: object, *, clock_known: bool) -> bool:
        return not self.full and super().keep(schedules, clock_known=clock_known)  # type: ignore[arg-type]


def test_what_cannot_be_kept_is_not_enabled() -> None:
    disk = FullDisk()
    box = ScheduleBox(keeper=disk)
    box.plan("EvuFSCH1", [True])
    disk.full = True
    effects = box.request("EvuFSCH1", "EnaReq")
    cause, _ = refusal([one for one in effects if isinstance(one, Send | Reply)])
    assert cause is AddCause.BLOCKED_BY_HEALTH
    assert (box.state("EvuFSCH1"), box.error("EvuFSCH1")) == (NOT_READY, EnablingError.OTHER)
    assert box.at(START) == []
    disk.full = False
    box.enable("EvuFSCH1")


def test_one_whose_end_cannot_be_kept_ends_and_says_that_it_may_come_back() -> None:
    disk = FullDisk()
    box = ScheduleBox(keeper=disk)
    box.plan("EvuFSCH1", [True])
    box.enable("EvuFSCH1")
    box.at(START)
    disk.full = True
    effects = box.request("EvuFSCH1", "DsaReq")
    assert told(drives(effects)) == [(BLOCK, None, "")]
    cause, _ = refusal([one for one in effects if isinstance(one, Send | Reply)])
    assert cause is AddCause.BLOCKED_BY_HEALTH
    disk.full = False
    box.disable("EvuFSCH1")
    assert box.restart() == []


def test_a_request_of_another_client_counts_too_for_who_may_is_the_hubs_business(box: ScheduleBox) -> None:
    box.plan("EvuFSCH1", [True])
    box.enable("EvuFSCH1")
    assert written(box.request("EvuFSCH1", "DsaReq", peer=OTHER)) == (None,)
    assert box.state("EvuFSCH1") is NOT_READY
