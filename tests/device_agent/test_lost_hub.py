"""Dialogues on the hub's heartbeat."""

from __future__ import annotations

from device_agent.lost_hub import DEFAULT_FAIL_SAFE_S, DEFAULT_TIMEOUT_S, HubState, HubWatch


def watch(now: float = 0) -> HubWatch:
    return HubWatch(DEFAULT_TIMEOUT_S, DEFAULT_FAIL_SAFE_S, now)


def state(hub: HubWatch, now: float) -> HubState:
    hub.tick(now)
    return hub.state


def test_a_box_that_starts_does_not_know_and_takes_no_fail_safe_yet() -> None:
    hub = watch(now=1000)
    assert state(hub, 1119) is HubState.UNKNOWN and hub.there
    assert state(hub, 1120) is HubState.LOST and not hub.there


def test_the_hub_is_lost_when_nothing_came_for_two_minutes() -> None:
    hub = watch()
    hub.heard(50)
    assert state(hub, 169) is HubState.HERE
    assert state(hub, 170) is HubState.LOST


def test_any_heartbeat_keeps_it() -> None:
    hub = watch()
    for now in range(0, 1000, 119):
        hub.heard(now)
        assert state(hub, now + 118) is HubState.HERE


def test_after_the_fail_safe_duration_the_house_is_on_its_own_until_the_hub_is_back() -> None:
    hub = watch()
    hub.heard(0)
    assert state(hub, 120 + 7199) is HubState.LOST
    assert state(hub, 120 + 7200) is HubState.RELEASED and not hub.there
    assert state(hub, 1e6) is HubState.RELEASED
    hub.heard(1e6)
    assert state(hub, 1e6 + 1) is HubState.HERE and hub.there


def test_the_hub_may_be_back_during_the_fail_safe() -> None:
    hub = watch()
    assert state(hub, 500) is HubState.LOST
    hub.heard(501)
    assert state(hub, 502) is HubState.HERE
    assert state(hub, 620) is HubState.HERE
    assert state(hub, 621) is HubState.LOST


def test_a_silent_hub_is_asked_three_times_in_a_time_out_and_a_talking_one_never() -> None:
    hub = watch()
    hub.heard(0)
    asked = [now for now in range(1, 121) if hub.ask(now)]
    assert asked == [40, 80, 120]
    talking = watch()
    for now in range(0, 600, 30):
        talking.heard(now)
        assert not talking.ask(now + 29)
