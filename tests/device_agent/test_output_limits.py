"""Dialogues with the ledger of one output: what it did, what it may do next, what a restart leaves of it."""

from __future__ import annotations

import json
import math

import pytest

from device_agent.limits import (
    DAY_S,
    HOUR_S,
    Kind,
    Ledger,
    Limit,
    Refusal,
    relay_limits,
    sg_ready_limits,
)
from iec61850_model.values import AddCause

ON, OFF = True, False
MINUTE = 60.0


def evu(**changes: object) -> Ledger:
    """An EVU block: 2 h at most, 3 times a day, an hour's pause, 10 min at least."""
    limits = {"least_s": 600, "longest_s": 7200, "pause_s": 3600, "starts": (6, 3)} | changes
    return Ledger(relay_limits(False, **limits), OFF)  # type: ignore[arg-type]  # the test says which


def sg_ready() -> Ledger:
    limits = sg_ready_limits(hold_s=600, longest_s=7200, per_hour=6, blocks_per_day=3, block_pause_s=3600)
    return Ledger(limits, 2)


def move(ledger: Ledger, value: int, now: float) -> None:
    refusal = ledger.refusal(value, now)
    assert refusal is None, refusal
    ledger.begin(value, now)
    ledger.reached(value, now)


def forced(ledger: Ledger, now: float) -> None:
    """What protects goes to the safe value whatever a limit says."""
    ledger.reached(ledger.safe, now)


def kind(ledger: Ledger, value: int, now: float) -> Kind | None:
    refusal = ledger.refusal(value, now)
    return None if refusal is None else refusal.kind


# --- one relay ----------------------------------------------------------------------------------------


def test_a_new_relay_may_leave_its_safe_state_at_once() -> None:
    assert evu().refusal(ON, 0) is None
    assert evu().refusal(OFF, 0) is None


def test_it_stays_away_for_the_least_time_before_a_command_brings_it_back() -> None:
    ledger = evu()
    move(ledger, ON, 100)
    assert ledger.refusal(OFF, 699) == Refusal(Kind.LEAST, 700)
    assert ledger.refusal(ON, 699) is None, "to ask for the same again is no movement"
    assert ledger.refusal(OFF, 700) is None


def test_the_safe_state_is_never_forbidden_to_what_protects() -> None:
    ledger = evu()
    move(ledger, ON, 100)
    forced(ledger, 101)
    assert kind(ledger, ON, 102) is Kind.PAUSE
    assert ledger.refusal(OFF, 102) is None


def test_between_two_times_away_there_is_a_pause_that_counts_from_the_return() -> None:
    ledger = evu()
    move(ledger, ON, 0)
    move(ledger, OFF, 1000)
    assert ledger.refusal(ON, 4599) == Refusal(Kind.PAUSE, 4600)
    assert ledger.refusal(ON, 4600) is None


def test_the_longest_time_counts_from_the_first_attempt_and_repeating_does_not_prolong_it() -> None:
    ledger = evu()
    assert ledger.begin(ON, 10)
    assert not ledger.begin(ON, 500), "a repetition is no start"
    ledger.reached(ON, 501)
    assert ledger.deadline == 7210
    assert ledger.refusal(ON, 7209) is None
    assert ledger.refusal(ON, 7210) == Refusal(Kind.LONGEST, math.inf)
    forced(ledger, 7210)
    assert ledger.deadline is None


def test_three_starts_a_day_and_the_fourth_when_the_first_is_a_day_old() -> None:
    ledger = evu()
    for at in (0, 6 * HOUR_S, 12 * HOUR_S):
        move(ledger, ON, at)
        move(ledger, OFF, at + 1800)
    assert ledger.refusal(ON, 18 * HOUR_S) == Refusal(Kind.PER_DAY, DAY_S)
    assert kind(ledger, ON, DAY_S - 1) is Kind.PER_DAY
    assert ledger.refusal(ON, DAY_S) is None


def test_so_many_starts_in_any_hour() -> None:
    ledger = evu(least_s=0, pause_s=0, starts=(2, 100))
    for at in (0, 1000):
        move(ledger, ON, at)
        move(ledger, OFF, at + 1)
    assert ledger.refusal(ON, 2000) == Refusal(Kind.PER_HOUR, HOUR_S)
    move(ledger, ON, HOUR_S)
    move(ledger, OFF, HOUR_S + 1)
    assert ledger.refusal(ON, HOUR_S + 2) == Refusal(Kind.PER_HOUR, 1000 + HOUR_S)


def test_of_several_limits_the_one_that_ends_last_is_named() -> None:
    ledger = evu(starts=(6, 1))
    move(ledger, ON, 0)
    move(ledger, OFF, 600)
    refusal = ledger.refusal(ON, 700)
    assert refusal is not None and refusal.kind is Kind.PAUSE, "one after the other: first the pause"
    assert ledger.refusal(ON, 5000) == Refusal(Kind.PER_DAY, DAY_S)


def test_no_start_at_all_is_a_limit_too() -> None:
    assert evu(starts=(6, 0)).refusal(ON, 0) == Refusal(Kind.PER_DAY, math.inf)


def test_a_write_that_failed_was_a_start() -> None:
    ledger = evu(least_s=0, pause_s=0, starts=(1, 3))
    ledger.begin(ON, 0)
    forced(ledger, 1)
    assert kind(ledger, ON, 2) is Kind.PER_HOUR


def test_a_relay_whose_safe_state_is_on_is_the_other_way_round() -> None:
    ledger = Ledger(relay_limits(True, least_s=60, longest_s=120, pause_s=30, starts=(9, 9)), ON)
    move(ledger, OFF, 0)
    assert kind(ledger, ON, 59) is Kind.LEAST
    assert ledger.deadline == 120
    move(ledger, ON, 60)
    assert kind(ledger, OFF, 89) is Kind.PAUSE


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (Kind.LEAST, AddCause.BLOCKED_BY_INTERLOCKING),
        (Kind.PAUSE, AddCause.BLOCKED_BY_INTERLOCKING),
        (Kind.PER_HOUR, AddCause.STEP_LIMIT),
        (Kind.PER_DAY, AddCause.STEP_LIMIT),
        (Kind.LONGEST, AddCause.TIME_LIMIT_OVER),
    ],
)
def test_every_limit_has_a_cause_that_names_it(kind: Kind, cause: AddCause) -> None:
    assert kind.cause is cause
    assert Refusal(kind, 100.0).text(40.0) == f"{kind.words}, for 60 s more"
    assert Refusal(kind, math.inf).text(40.0) == kind.words


def test_a_least_time_above_the_longest_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="longer than the longest"):
        Limit("away", frozenset({True}), least_s=10, longest_s=5)


# --- SG Ready -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [1, 3, 4])
def test_each_state_is_held_for_ten_minutes(state: int) -> None:
    ledger = sg_ready()
    move(ledger, state, 0)
    for other in {1, 2, 3, 4} - {state}:
        assert kind(ledger, other, 599) is Kind.LEAST
    move(ledger, 2, 600)
    assert kind(ledger, 3, 1199) is Kind.LEAST, "normal running is held too"
    move(ledger, 3, 1200)


def test_all_states_but_normal_together_have_a_longest_time() -> None:
    """Advised on for an hour, forced on for another: it does not begin anew with each."""
    ledger = sg_ready()
    move(ledger, 3, 0)
    move(ledger, 4, HOUR_S)
    assert ledger.deadline == 7200
    assert kind(ledger, 4, 7200) is Kind.LONGEST
    assert kind(ledger, 1, 7200) is Kind.LONGEST


def test_blocks_have_a_pause_and_a_number_a_day_also_when_they_follow_another_state() -> None:
    ledger = sg_ready()
    move(ledger, 1, 0)
    move(ledger, 3, 600)
    assert ledger.refusal(1, 1200) == Refusal(Kind.PAUSE, 600 + HOUR_S)
    move(ledger, 2, 1200)
    for at in (2 * HOUR_S, 5 * HOUR_S):
        move(ledger, 1, at)
        move(ledger, 2, at + 600)
    assert kind(ledger, 1, 10 * HOUR_S) is Kind.PER_DAY
    assert ledger.refusal(3, 10 * HOUR_S) is None, "only blocks are counted by the day"


def test_a_new_sg_ready_may_be_set_at_once() -> None:
    for state in (1, 2, 3, 4):
        assert sg_ready().refusal(state, 0) is None


# --- restarts -----------------------------------------------------------------------------------------


def restarted(ledger: Ledger, new: Ledger, stopped: float, elapsed: float, now: float) -> Ledger:
    """The process ends at ``stopped`` and starts ``elapsed`` later, at ``now`` of another clock."""
    new.restore(json.loads(json.dumps(ledger.kept(stopped))), elapsed, now)
    new.reached(new.safe, now)
    return new


def test_a_crash_while_away_is_a_return_and_its_pause_begins_with_the_restart() -> None:
    ledger = evu()
    ledger.begin(ON, 0)
    new = restarted(ledger, evu(), stopped=5, elapsed=20, now=1000)
    assert new.refusal(ON, 4599) == Refusal(Kind.PAUSE, 4600)


def test_a_crash_loop_wins_no_starts() -> None:
    ledger, now = evu(least_s=0, pause_s=0), 0.0
    for _ in range(3):
        move(ledger, ON, now)
        ledger = restarted(ledger, evu(least_s=0, pause_s=0), stopped=now + 1, elapsed=5, now=now + 6)
        now += 10
    assert ledger.refusal(ON, now) == Refusal(Kind.PER_DAY, DAY_S)


def test_the_hold_of_sg_ready_survives_a_crash() -> None:
    ledger = sg_ready()
    move(ledger, 4, 0)
    new = restarted(ledger, sg_ready(), stopped=60, elapsed=1, now=500)
    assert new.refusal(4, 1099) == Refusal(Kind.LEAST, 1100)


def test_what_was_at_rest_for_long_is_free_after_a_restart() -> None:
    ledger = sg_ready()
    move(ledger, 3, 0)
    move(ledger, 2, 600)
    new = restarted(ledger, sg_ready(), stopped=1000, elapsed=300, now=0)
    assert new.refusal(3, 0) is None


def test_ages_go_on_while_the_box_is_off() -> None:
    ledger = evu()
    move(ledger, ON, 0)
    move(ledger, OFF, 600)
    new = restarted(ledger, evu(), stopped=600, elapsed=3599, now=50)
    assert new.refusal(ON, 50) == Refusal(Kind.PAUSE, 51)


def test_after_a_loss_of_memory_everything_counts_as_done_just_now() -> None:
    for ledger, values in ((evu(), (ON,)), (sg_ready(), (1, 3, 4))):
        ledger.exhaust(1000)
        ledger.reached(ledger.safe, 1000)
        for value in values:
            assert ledger.refusal(value, 1001) is not None
        assert ledger.refusal(ledger.safe, 1001) is None
    assert kind(evu_exhausted(), ON, 1000 + HOUR_S) is Kind.PER_DAY


def evu_exhausted() -> Ledger:
    ledger = evu()
    ledger.exhaust(1000)
    return ledger


@pytest.mark.parametrize(
    "damaged",
    [
        [],
        {"inside": "long", "outside": None, "starts": []},
        {"inside": None, "outside": -1, "starts": []},
        {"inside": None, "outside": None, "starts": [None]},
        {"inside": None, "outside": None, "starts": 7},
        {"inside": float("nan"), "outside": None, "starts": []},
        {"inside": True, "outside": None, "starts": []},
    ],
)
def test_damage_is_noticed(damaged: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        evu().restore({"away": damaged}, 0, 0)
