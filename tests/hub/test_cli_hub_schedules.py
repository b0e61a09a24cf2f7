"""Grants to schedule, as the operator gives them and sees what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

Hphub = Callable[..., Result]
SCHEDULE = ("grant", "add", "agg", "hp0001", "--right", "schedule")


def as_json(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_grant_to_schedule_says_which_slot_and_what_it_waits_for(granted: Hphub) -> None:
    said = granted(*SCHEDULE, "--priority", "60").output
    for part in ("slot 1 (SCH/*FSCH1)", "priority 60", "when the box has confirmed", "hphub grant show 2"):
        assert part in said
    assert "slot" not in granted("grant", "add", "agg", "hp0001", "--right", "control").output


def test_slot_priority_and_state_are_listed_and_shown(granted: Hphub) -> None:
    granted(*SCHEDULE)
    granted(*SCHEDULE)
    listed = granted("grant", "list").output
    assert "1, priority 50, pending" in listed
    assert "2, priority 40, pending" in listed
    steering = {"heatpump": "hp0001", "slot": 2, "priority": 40, "state": "pending", "trouble": ""}
    assert as_json(granted("grant", "show", "3", "--json"))["steering"] == [steering]
    shown = granted("grant", "show", "3").output
    assert shown.splitlines()[-1].split() == ["hp0001", "2", "40", "pending", "-"]
    granted("grant", "revoke", "3")
    assert as_json(granted("grant", "show", "3", "--json"))["steering"] == [{**steering, "state": "ending"}]


def test_a_grant_that_steers_nothing_is_shown_without(granted: Hphub) -> None:
    shown = granted("grant", "show", "1").output
    assert "agg" in shown
    assert "priority" not in shown


@pytest.mark.parametrize(
    ("command", "exit_code", "says"),
    [
        (("grant", "show", "99"), 3, "no grant 99"),
        ((*SCHEDULE, "--priority", "0"), 2, "1<=x<=99"),
        (("grant", "add", "agg", "hp0001", "--right", "read", "--priority", "5"), 2, "right schedule"),
    ],
)
def test_what_cannot_be_says_why(granted: Hphub, command: tuple[str, ...], exit_code: int, says: str) -> None:
    result = granted(*command)
    assert (result.exit_code, says in result.output) == (exit_code, True), result.output


def test_a_fifth_grant_to_schedule_names_who_holds_the_four(granted: Hphub) -> None:
    for _ in range(4):
        assert granted(*SCHEDULE).exit_code == 0
    refused = granted(*SCHEDULE)
    assert refused.exit_code == 1
    assert "4: agg (grant 5, pending)" in refused.output
    assert len(as_json(granted("grant", "list", "--json"))) == 5
