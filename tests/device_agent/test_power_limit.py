"""Dialogues on a limit of power, obeyed by blocking."""

from __future__ import annotations

from device_agent.power_limit import OVER_FOR_S, STOPS_WITHIN_S, PowerLimit, PowerState

MOST = 3200.0
FREE = PowerState(block=False, met=True)
BLOCKED = PowerState(block=True, met=True)


def test_without_a_limit_nothing_is_blocked() -> None:
    assert PowerLimit(MOST).look(None, 3100, 0) == FREE


def test_a_limit_above_what_the_heat_pump_takes_is_met_by_itself_measured_or_not() -> None:
    for power in (3100.0, None):
        assert PowerLimit(MOST).look(3200, power, 0) == FREE


def test_a_heat_pump_within_its_limit_runs() -> None:
    rule = PowerLimit(MOST)
    assert all(rule.look(2000, 1900, now) == FREE for now in range(0, 1000, 10))


def test_above_it_for_a_while_it_is_blocked_and_stays_so() -> None:
    rule = PowerLimit(MOST)
    assert rule.look(2000, 2500, 0) == FREE
    assert rule.look(2000, 2500, OVER_FOR_S - 1) == FREE
    assert rule.look(2000, 2500, OVER_FOR_S) == BLOCKED
    assert rule.look(2000, 8, 20) == BLOCKED, "it would begin anew"
    assert rule.look(2000, 8, 9000) == BLOCKED


def test_a_short_peak_is_no_reason() -> None:
    rule = PowerLimit(MOST)
    rule.look(2000, 2500, 0)
    rule.look(2000, 1900, 5)
    assert rule.look(2000, 2500, 12) == FREE


def test_the_block_ends_when_the_limit_is_lifted_or_raised_to_what_it_took() -> None:
    for raised in (None, 2500.0, 3200.0):
        rule = PowerLimit(MOST)
        rule.look(2000, 2500, 0)
        assert rule.look(2000, 2500, 10).block
        assert rule.look(2400, 8, 30).block, "not enough"
        assert not rule.look(raised, 8, 31).block


def test_who_measures_nothing_blocks_at_once_and_does_not_know_whether_it_helped() -> None:
    rule = PowerLimit(MOST)
    assert rule.look(2000, None, 0) == PowerState(block=True, met=None)


def test_a_sensor_that_fails_while_over_the_limit_is_no_excuse() -> None:
    rule = PowerLimit(MOST)
    rule.look(2000, 2500, 0)
    assert rule.look(2000, None, 1).block


def test_a_limit_that_cannot_be_met_says_so() -> None:
    """The block's longest time is over, or its contact is broken: the heat pump runs on."""
    rule = PowerLimit(MOST)
    rule.look(2000, 2500, 0)
    assert rule.look(2000, 2500, STOPS_WITHIN_S - 1) == BLOCKED
    assert rule.look(2000, 2500, STOPS_WITHIN_S) == PowerState(block=True, met=False)
    assert rule.look(2000, 8, 70) == BLOCKED
