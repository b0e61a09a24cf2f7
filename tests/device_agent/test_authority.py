"""Dialogues on who decides: local switch, power limit, command, schedule, fail-safe, nobody."""

from __future__ import annotations

import pytest

from device_agent.authority import DRIVE_GRACE_S, Authority, Holder, LostHub, Wanted
from iec61850_model.values import AddCause

ON, OFF = True, False
FAIL_SAFE = 7200.0
SCHEDULE = "SCH/EvuFSCH1"


def evu(lost_hub: LostHub = LostHub.SAFE) -> Authority:
    return Authority(OFF, lost_hub, FAIL_SAFE)


def held(authority: Authority, now: float) -> tuple[object, Holder, float | None]:
    wanted = authority.wanted(now)
    return wanted.value, wanted.holder, wanted.until


def test_a_command_whose_output_failed_is_over_and_a_schedule_is_not() -> None:
    authority = evu()
    authority.drive(ON, SCHEDULE, until=900)
    authority.commanded(OFF, until=None)
    authority.failed()
    assert held(authority, 1) == (ON, Holder.SCHEDULE, 900)


# --- the table, row by row ----------------------------------------------------------------------------


def test_nobody_holds_a_box_that_just_started() -> None:
    assert held(evu(), 0) == (OFF, Holder.NOBODY, None)


def test_a_schedule_holds_until_its_entry_ends() -> None:
    authority = evu()
    authority.drive(ON, SCHEDULE, until=900)
    assert authority.wanted(10) == Wanted(ON, Holder.SCHEDULE, 900, SCHEDULE)
    authority.drive(OFF, SCHEDULE, until=1800)
    assert held(authority, 900) == (OFF, Holder.SCHEDULE, 1800)
    authority.drive(None, "", None)
    assert held(authority, 1800) == (OFF, Holder.NOBODY, None)


def test_a_command_holds_until_the_longest_time_of_the_output() -> None:
    authority = evu()
    authority.commanded(ON, until=7210)
    assert held(authority, 10) == (ON, Holder.COMMAND, 7210)
    assert held(authority, 7210) == (OFF, Holder.NOBODY, None)


def test_a_command_to_rest_leaves_the_object_to_nobody() -> None:
    authority = evu()
    authority.commanded(ON, until=7210)
    authority.commanded(OFF, until=None)
    assert held(authority, 20) == (OFF, Holder.NOBODY, None)


@pytest.mark.parametrize("value", [ON, OFF])
def test_a_command_beats_the_schedule_until_its_next_entry(value: bool) -> None:
    authority = evu()
    authority.drive(not value, SCHEDULE, until=900)
    authority.commanded(value, until=None)
    assert held(authority, 10) == (value, Holder.COMMAND, 900)
    assert held(authority, 900.5) == (value, Holder.COMMAND, 900), "until the entry comes, not a blink before"
    authority.drive(not value, SCHEDULE, until=1800)
    assert held(authority, 901) == (not value, Holder.SCHEDULE, 1800)


def test_a_command_to_a_scheduled_object_ends_with_its_longest_time_if_that_is_earlier() -> None:
    authority = evu()
    authority.drive(OFF, SCHEDULE, until=9000)
    authority.commanded(ON, until=7200)
    assert held(authority, 10) == (ON, Holder.COMMAND, 7200)
    assert held(authority, 7200) == (OFF, Holder.SCHEDULE, 9000)


def test_a_schedule_that_ends_ends_the_command_too() -> None:
    authority = evu()
    authority.drive(OFF, SCHEDULE, until=900)
    authority.commanded(ON, until=7200)
    authority.drive(None, "", None)
    assert held(authority, 20) == (OFF, Holder.NOBODY, None)


def test_the_power_limit_beats_command_and_schedule_and_gives_both_back() -> None:
    authority = evu()
    authority.drive(OFF, SCHEDULE, until=900)
    authority.commanded(OFF, until=None)
    authority.limit(ON)
    assert held(authority, 1) == (ON, Holder.POWER_LIMIT, None)
    assert authority.refusal(OFF) is AddCause.BLOCKED_BY_COMMAND
    assert authority.refusal(ON) is None
    authority.limit(None)
    assert held(authority, 2) == (OFF, Holder.COMMAND, 900)


def test_what_ended_under_the_power_limit_does_not_come_back_after_it() -> None:
    authority = evu()
    authority.commanded(ON, until=100)
    authority.limit(ON)
    assert held(authority, 100) == (ON, Holder.POWER_LIMIT, None)
    authority.limit(None)
    assert held(authority, 101) == (OFF, Holder.NOBODY, None)


def test_the_local_switch_beats_everything_and_remote_orders_are_refused() -> None:
    authority = evu()
    authority.drive(ON, SCHEDULE, until=900)
    authority.limit(ON)
    authority.local(True)
    assert authority.wanted(1) == Wanted(OFF, Holder.LOCAL, at_once=True)
    for value in (ON, OFF):
        assert authority.refusal(value) is AddCause.BLOCKED_BY_SWITCHING_HIERARCHY
    authority.local(False)
    assert held(authority, 2) == (ON, Holder.POWER_LIMIT, None)
    authority.limit(None)
    assert held(authority, 3) == (ON, Holder.SCHEDULE, 900), "the schedule ran on behind it"


def test_a_command_from_before_the_local_switch_is_gone_after_it() -> None:
    authority = evu()
    authority.commanded(ON, until=7200)
    authority.local(True)
    authority.local(False)
    assert held(authority, 1) == (OFF, Holder.NOBODY, None)


# --- silence ------------------------------------------------------------------------------------------


def test_a_schedule_that_falls_silent_is_over_after_a_grace() -> None:
    authority = evu()
    authority.drive(ON, SCHEDULE, until=900)
    assert held(authority, 900 + DRIVE_GRACE_S - 1)[1] is Holder.SCHEDULE
    assert held(authority, 900 + DRIVE_GRACE_S) == (OFF, Holder.NOBODY, None)


# --- a lost hub ---------------------------------------------------------------------------------------


def test_without_a_hub_a_command_ends_and_the_fail_safe_holds_for_its_duration() -> None:
    authority = evu(LostHub.SAFE)
    authority.commanded(ON, until=9000)
    authority.hub_lost(1000)
    assert held(authority, 1000) == (OFF, Holder.FAIL_SAFE, 1000 + FAIL_SAFE)
    authority.hub_lost(2000)
    assert held(authority, 2000) == (OFF, Holder.FAIL_SAFE, 1000 + FAIL_SAFE), "it does not begin anew"
    assert held(authority, 1000 + FAIL_SAFE) == (OFF, Holder.NOBODY, None)


def test_a_held_command_goes_on_without_a_hub_but_not_for_longer_than_the_fail_safe() -> None:
    authority = evu(LostHub.HOLD)
    authority.commanded(ON, until=9000)
    authority.hub_lost(1000)
    assert held(authority, 1000) == (ON, Holder.FAIL_SAFE, 1000 + FAIL_SAFE)
    assert held(authority, 1000 + FAIL_SAFE) == (OFF, Holder.NOBODY, None)
    authority.hub_back()
    assert held(authority, 8300) == (OFF, Holder.NOBODY, None), "released is released"


def test_a_held_command_ends_with_the_longest_time_of_its_output_if_that_is_earlier() -> None:
    authority = evu(LostHub.HOLD)
    authority.commanded(ON, until=3000)
    authority.hub_lost(1000)
    assert held(authority, 2999) == (ON, Holder.FAIL_SAFE, 3000)
    assert held(authority, 3000) == (OFF, Holder.FAIL_SAFE, 1000 + FAIL_SAFE)


def test_a_held_command_is_a_command_again_when_the_hub_is_back() -> None:
    authority = evu(LostHub.HOLD)
    authority.commanded(ON, until=9000)
    authority.hub_lost(1000)
    authority.hub_back()
    assert held(authority, 2000) == (ON, Holder.COMMAND, 9000)


def test_what_the_fail_safe_ended_stays_ended_when_the_hub_is_back() -> None:
    authority = evu(LostHub.SAFE)
    authority.commanded(ON, until=9000)
    authority.hub_lost(1000)
    authority.hub_back()
    assert held(authority, 1001) == (OFF, Holder.NOBODY, None)
    authority.commanded(ON, until=9000)
    assert held(authority, 1002) == (ON, Holder.COMMAND, 9000)


@pytest.mark.parametrize("lost_hub", LostHub)
def test_schedules_go_on_without_a_hub(lost_hub: LostHub) -> None:
    authority = evu(lost_hub)
    authority.drive(ON, SCHEDULE, until=900)
    authority.hub_lost(100)
    assert held(authority, 100) == (ON, Holder.SCHEDULE, 900)
    authority.drive(OFF, SCHEDULE, until=1800)
    assert held(authority, 900) == (OFF, Holder.SCHEDULE, 1800)


def test_the_schedule_takes_over_from_a_command_that_ends_with_the_hub() -> None:
    authority = evu(LostHub.SAFE)
    authority.drive(ON, SCHEDULE, until=900)
    authority.commanded(OFF, until=None)
    authority.hub_lost(100)
    assert held(authority, 100) == (ON, Holder.SCHEDULE, 900)


# --- set points ---------------------------------------------------------------------------------------


def test_a_set_point_without_an_initial_value_stays_where_it_was_when_nobody_wants_another() -> None:
    authority = Authority(None, LostHub.SAFE, FAIL_SAFE)
    assert held(authority, 0) == (None, Holder.NOBODY, None)
    authority.commanded(21.5, until=None)
    assert held(authority, 1e6) == (21.5, Holder.COMMAND, None)
    authority.hub_lost(1e6)
    assert held(authority, 1e6) == (None, Holder.FAIL_SAFE, 1e6 + FAIL_SAFE)


def test_a_set_point_goes_back_to_its_initial_value() -> None:
    authority = Authority(20.5, LostHub.SAFE, FAIL_SAFE)
    authority.drive(22.0, "SCH/RmFSCH1", until=900)
    assert held(authority, 1)[0] == 22.0
    authority.drive(None, "", None)
    assert held(authority, 900) == (20.5, Holder.NOBODY, None)


# --- the house's backup heat ------------------------------------------------------------------------


def evu_with_backup(lost_hub: LostHub = LostHub.SAFE) -> Authority:
    """A contact that, closed, blocks the backup heater too."""
    return Authority(OFF, lost_hub, FAIL_SAFE, blocks_backup=ON)


RELEASED = Wanted(OFF, Holder.FAIL_SAFE, at_once=True)


def test_without_a_hub_no_schedule_blocks_the_backup_heat() -> None:
    authority = evu_with_backup()
    authority.drive(ON, SCHEDULE, until=9000)
    assert authority.wanted(99).value is ON
    authority.hub_lost(100)
    assert authority.wanted(100) == RELEASED
    authority.drive(ON, SCHEDULE, until=20_000)
    assert authority.wanted(10_000) == RELEASED, "also after the fail-safe duration"


def test_without_a_hub_no_limit_of_power_blocks_the_backup_heat() -> None:
    authority = evu_with_backup()
    authority.limit(ON)
    authority.hub_lost(100)
    assert authority.wanted(100) == RELEASED


@pytest.mark.parametrize("lost_hub", LostHub)
def test_without_a_hub_no_command_blocks_the_backup_heat(lost_hub: LostHub) -> None:
    authority = evu_with_backup(lost_hub)
    authority.commanded(ON, until=7200)
    authority.hub_lost(100)
    assert authority.wanted(100).value is OFF


def test_what_the_schedule_wants_is_wanted_again_when_the_hub_is_back() -> None:
    authority = evu_with_backup()
    authority.drive(ON, SCHEDULE, until=9000)
    authority.hub_lost(100)
    authority.hub_back()
    assert held(authority, 200) == (ON, Holder.SCHEDULE, 9000)


def test_the_backup_heat_is_no_reason_to_end_what_does_not_block_it() -> None:
    """SG Ready state 3 of a schedule goes on without a hub; only state 1 blocks."""
    authority = Authority(2, LostHub.SAFE, FAIL_SAFE, blocks_backup=1)
    authority.drive(3, "SCH/SgrFSCH1", until=900)
    authority.hub_lost(100)
    assert held(authority, 100) == (3, Holder.SCHEDULE, 900)
    authority.drive(1, "SCH/SgrFSCH1", until=1800)
    assert authority.wanted(900) == Wanted(2, Holder.FAIL_SAFE, at_once=True)


def test_the_local_switch_stays_above_it() -> None:
    authority = evu_with_backup()
    authority.drive(ON, SCHEDULE, until=9000)
    authority.hub_lost(100)
    authority.local(True)
    assert authority.wanted(200).holder is Holder.LOCAL
