"""Dialogues with a relay guard: what happens, what must be switched, what is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.relays import (
    DEFAULT_MAX_ON_S,
    LONGEST_MAX_ON_S,
    RETRY_S,
    STOP_ATTEMPTS,
    Reason,
    RelayConfig,
    RelayGuard,
    RelayRefused,
    Switch,
)

ON, OFF = True, False
EVU = RelayConfig("evu_block", max_on_s=60)


def started(config: RelayConfig = EVU) -> RelayGuard:
    guard = RelayGuard(config)
    assert guard.start(0) == [Switch(config.safe, Reason.START)]
    assert guard.applied(True, 0) == []
    return guard


def switched_on(now: float = 10) -> RelayGuard:
    guard = started()
    guard.command(ON, now)
    guard.applied(True, now)
    return guard


def test_before_the_first_write_nobody_knows_the_state() -> None:
    guard = RelayGuard(EVU)
    assert guard.state is None
    guard.start(0)
    assert guard.state is None
    guard.applied(True, 0)
    assert guard.state is OFF


def test_a_relay_whose_safe_state_is_on_is_switched_on_at_start_and_stop() -> None:
    guard = RelayGuard(RelayConfig("frost_guard", safe=ON))
    assert guard.start(0) == [Switch(ON, Reason.START)]
    guard.applied(True, 0)
    guard.command(OFF, 1)
    guard.applied(True, 1)
    assert guard.stop(2) == [Switch(ON, Reason.STOP)]


def test_a_command_shows_only_after_the_pin_followed() -> None:
    guard = started()
    assert guard.command(ON, 10) == [Switch(ON, Reason.COMMAND)]
    assert guard.state is OFF
    assert guard.applied(True, 10.2) == []
    assert guard.state is ON


def test_a_failed_write_leads_to_the_safe_state() -> None:
    guard = started()
    guard.command(ON, 10)
    assert guard.applied(False, 11) == [Switch(OFF, Reason.WRITE_FAILED)]
    assert guard.state is None
    assert guard.applied(True, 11) == []
    assert guard.state is OFF
    assert guard.deadline is None
    assert guard.command(ON, 12) == [Switch(ON, Reason.COMMAND)]


def test_the_safe_state_is_tried_until_it_is_reached() -> None:
    guard = started()
    guard.command(ON, 10)
    guard.applied(False, 11)
    assert guard.applied(False, 12) == []
    assert guard.state is None
    assert guard.deadline == 12 + RETRY_S
    with pytest.raises(RelayRefused, match="does not answer"):
        guard.command(ON, 13)
    assert guard.tick(12 + RETRY_S - 0.1) == []
    assert guard.tick(12 + RETRY_S) == [Switch(OFF, Reason.WRITE_FAILED)]
    guard.applied(False, 20)
    assert guard.tick(20 + RETRY_S) == [Switch(OFF, Reason.WRITE_FAILED)]
    guard.applied(True, 26)
    assert guard.state is OFF
    assert guard.deadline is None


def test_silence_ends_at_the_longest_time_on() -> None:
    guard = switched_on(10)
    assert guard.deadline == 70
    assert guard.tick(69.9) == []
    assert guard.tick(70) == [Switch(OFF, Reason.MAX_ON)]
    guard.applied(True, 70)
    assert guard.state is OFF
    assert guard.deadline is None


def test_repeating_a_command_writes_again_but_does_not_prolong() -> None:
    guard = switched_on(10)
    assert guard.command(ON, 50) == [Switch(ON, Reason.COMMAND)]
    guard.applied(True, 50)
    assert guard.deadline == 70
    with pytest.raises(RelayRefused, match="too long"):
        guard.command(ON, 70)
    assert guard.tick(70) == [Switch(OFF, Reason.MAX_ON)]


def test_after_the_safe_state_a_new_command_has_the_whole_time_again() -> None:
    guard = switched_on(10)
    guard.command(OFF, 40)
    guard.applied(True, 40)
    guard.command(ON, 50)
    guard.applied(True, 50)
    assert guard.deadline == 110


def test_a_second_command_while_one_is_under_way_is_refused() -> None:
    guard = started()
    guard.command(ON, 10)
    with pytest.raises(RelayRefused, match="being switched"):
        guard.command(OFF, 10)
    assert guard.tick(1000) == []
    assert guard.applied(True, 1000) == []
    assert guard.tick(1000) == [Switch(OFF, Reason.MAX_ON)]


def test_stopping_waits_for_the_write_under_way_and_then_is_safe() -> None:
    guard = started()
    guard.command(ON, 10)
    assert guard.stop(10) == []
    assert guard.applied(True, 11) == [Switch(OFF, Reason.STOP)]
    assert guard.applied(True, 11) == []
    assert guard.state is OFF
    with pytest.raises(RelayRefused, match="stopped"):
        guard.command(ON, 12)


def test_stopping_tries_several_times_and_says_when_it_does_not_know() -> None:
    guard = switched_on()
    switches = guard.stop(20)
    tries = 0
    while switches:
        assert switches == [Switch(OFF, Reason.STOP)]
        tries += 1
        switches = guard.applied(False, 20)
    assert tries == STOP_ATTEMPTS
    assert guard.state is None


def test_a_stopped_relay_can_be_started_again() -> None:
    guard = switched_on()
    guard.stop(20)
    guard.applied(True, 20)
    assert guard.start(30) == [Switch(OFF, Reason.START)]


def test_commands_before_start_are_refused() -> None:
    with pytest.raises(RelayRefused, match="stopped"):
        RelayGuard(EVU).command(ON, 0)


def test_a_report_of_nothing_is_a_mistake_of_the_shell() -> None:
    with pytest.raises(RuntimeError):
        started().applied(True, 1)


@pytest.mark.parametrize("seconds", [0, -1, LONGEST_MAX_ON_S + 1, float("nan"), float("inf")])
def test_a_longest_time_must_be_within_its_limits(seconds: float) -> None:
    with pytest.raises(ValueError, match="max_on_s must be 1 to"):
        RelayConfig("evu_block", max_on_s=seconds)


def test_the_longest_time_has_a_default() -> None:
    assert RelayConfig("evu_block").max_on_s == DEFAULT_MAX_ON_S


OUTCOMES = st.sampled_from(["done", "not done", "done but reported as failed"])
EVENTS = st.lists(st.tuples(st.sampled_from(["on", "off", "wait"]), OUTCOMES, st.floats(0, 200)), max_size=60)


@given(safe=st.booleans(), events=EVENTS)
def test_whatever_happens_no_relay_is_away_for_longer_than_allowed(
    safe: bool, events: list[tuple[str, str, float]]
) -> None:
    """A pin that follows or not; the shell ticks at every deadline. The pin, not the guard, is judged."""
    guard, now, pin, away_since = RelayGuard(RelayConfig("r", safe=safe, max_on_s=60)), 0.0, safe, None

    def apply(switches: list[Switch], outcome: str) -> None:
        nonlocal pin, away_since
        while switches:
            [switch] = switches
            if outcome != "not done":
                away_since = None if switch.on == safe else (now if pin == safe else away_since)
                pin = switch.on
            switches = guard.applied(outcome == "done", now)
            assert guard.state in (None, pin)

    apply(guard.start(now), "done")
    for event, outcome, seconds in events:
        end = now + seconds
        while guard.deadline is not None and guard.deadline <= end:
            now = max(now, guard.deadline)
            apply(guard.tick(now), "done")
        now = end
        assert away_since is None or now - away_since <= 60
        if event != "wait":
            try:
                apply(guard.command(event == "on", now), outcome)
            except RelayRefused:
                assert guard.state is None
    apply(guard.stop(now), "done")
    assert pin == safe
