"""hpclient schedule: what is said before anything is sent, and the day as a bar."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import click
import pytest
from click.testing import CliRunner

from iec61850_model.client import ControlRefused, NoAnswer
from iec61850_model.reference import Reference
from iec61850_model.values import AddCause, ServiceError
from service_provider import NotAllowed, ServiceProvider
from service_provider.cli import main, scheduling
from service_provider.cli.day_bars import bars, legend
from service_provider.cli.scheduling import print_schedules
from service_provider.cli.whom import for_each, heat_pumps, members
from service_provider.schedules import ShownSchedule

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
QUARTER = timedelta(minutes=15)
START = datetime(2026, 12, 1, 17, 0, tzinfo=COPENHAGEN)


def shown(*values: Any, start: datetime | None = START, interval: timedelta = QUARTER, **changes: Any) -> Any:
    facts: dict[str, Any] = {
        "heatpump": "hp0001",
        "what": "evu",
        "controlled": "HP/EvuGGIO1.SPCSO1",
        "schedule": Reference.parse("SCH/EvuFSCH2"),
        "slot": 2,
        "state": "Ready",
        "error": "",
        "wins": False,
        "priority": 5,
        "entry": 0,
        "interval": interval,
        "values": list(values),
        "unit": "",
        "starts": [],
        "active_start": None,
        "next_start": None if start is None else start.astimezone(UTC),
        "reuse": False,
    }
    return ShownSchedule(**(facts | changes))


def drawn(schedule: ShownSchedule, *, plain: bool = True) -> list[str]:
    return [line.plain for line in bars(schedule, COPENHAGEN, START.astimezone(UTC), plain=plain)]


# --- the bar --------------------------------------------------------------------------------------


def test_the_day_is_a_bar_of_half_hours_of_local_time() -> None:
    assert drawn(shown(True, True, False, False)) == [
        "            00          06          12          18",
        "Tue 01 Dec  " + " " * 34 + "#." + " " * 12,
    ]
    assert drawn(shown(True, True, False, False), plain=False)[1].strip().endswith("█░")


def test_half_an_hour_with_two_values_says_so() -> None:
    assert drawn(shown(True, False, True, True))[1].split()[-1] == "~#"


@pytest.mark.parametrize(
    ("day", "cells", "hours"),
    [
        (datetime(2027, 3, 28, tzinfo=COPENHAGEN), 46, "00        06          12          18"),
        (datetime(2026, 10, 25, tzinfo=COPENHAGEN), 50, "00            06          12          18"),
    ],
)
def test_a_day_of_23_or_25_hours_has_as_many(day: datetime, cells: int, hours: str) -> None:
    quarters = [True] * (cells * 2)
    heading, bar = drawn(shown(*quarters, start=day))
    assert heading.strip() == hours
    assert bar[12:] == "#" * cells


def test_a_schedule_over_midnight_has_a_bar_for_each_day() -> None:
    lines = drawn(shown(*[True] * 10, start=START, interval=timedelta(hours=1)))
    assert [line[:12].strip() for line in lines] == ["", "Tue 01 Dec", "Wed 02 Dec"]
    assert [line[12:].count("#") for line in lines] == [0, 14, 6]


def test_a_very_long_schedule_is_cut_and_says_until_when_it_goes() -> None:
    lines = drawn(shown(*[True] * 100, interval=timedelta(hours=24)))
    assert len(lines) == 16
    assert lines[-1] == "... until 2027-03-11 17:00"


def test_numbers_are_levels_with_a_legend() -> None:
    room = shown(18.0, 18.0, 20.0, 20.0, 22.0, 22.0, unit="°C")
    assert drawn(room)[1].split()[-1] == "158"
    assert legend(room, plain=True) == "1 18 °C to 8 22 °C"
    assert drawn(room, plain=False)[1].split()[-1] == "▁▅█"
    steady = shown(3, 3)
    assert legend(steady, plain=True) == "8 3"
    assert legend(shown(True), plain=True) == "# on, . off, ~ both"


def test_on_a_terminal_the_half_hour_that_is_now_is_marked() -> None:
    now = (START + QUARTER).astimezone(UTC)
    (_, line) = list(bars(shown(True, True, False, False), COPENHAGEN, now, plain=False))
    marked = [span for span in line.spans if "underline" in str(span.style)]
    assert [(span.start, span.end) for span in marked] == [(46, 47)]


def test_in_a_pipe_there_is_no_colour(capsys: pytest.CaptureFixture[str]) -> None:
    print_schedules([shown(True, True, state="Running", entry=1, error="Other")], COPENHAGEN, START)
    told = capsys.readouterr().out
    assert "\x1b" not in told
    heading, *_ = told.splitlines()
    assert heading == (
        "hp0001 evu slot 2  Running  priority 5, 2 x 0:15:00, entry 1 (another schedule wins), "
        "next 2026-12-01 17:00, Other"
    )


def test_a_schedule_that_does_not_start_has_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    print_schedules([shown(True, start=None, state="Not ready")], COPENHAGEN, START)
    assert len(capsys.readouterr().out.splitlines()) == 1


# --- what is asked --------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["", "set", "show", "enable", "disable", "clear"])
def test_help_teaches(command: str) -> None:
    result = CliRunner().invoke(main, ["schedule", *command.split(), "--help"])
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "give --start, --interval and --values, or --csv"),
        (["--start", "2026-12-01T17:00", "--values", "1"], "give --start, --interval and --values"),
        (["--start", "five", "--interval", "15m", "--values", "1"], "is not a time"),
        (["--start", "2026-12-01T17:00", "--interval", "often", "--values", "1"], "is not a duration"),
        (["--start", "2026-12-01T17:00", "--interval", "15", "--values", "1"], "15m for minutes"),
        (["--start", "2026-12-01T17:00", "--interval", "0s", "--values", "1"], "whole number of seconds"),
        (["--csv", "/nowhere.csv"], "/nowhere.csv cannot be read"),
        (["--zone", "Atlantis"], "is no time zone"),
        (["--repeat", "yearly"], "daily"),
        (
            [
                "--start",
                "2027-03-28T02:30",
                "--zone",
                "Europe/Copenhagen",
                "--interval",
                "1h",
                "--values",
                "1",
            ],
            "does not exist: summer time begins",
        ),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_sent(options: list[str], says: str) -> None:
    result = CliRunner().invoke(main, ["schedule", "set", "hp0001", "evu", *options])
    assert result.exit_code == 2
    assert says in result.output


def test_a_start_may_be_a_while_from_now() -> None:
    before = datetime.now(UTC)
    rest: dict[str, Any] = {"repeat": "once", "reuse": False, "zone": COPENHAGEN}
    plan = scheduling._plan("+10min", 900.0, "1", None, **rest)
    after = datetime.now(UTC)
    assert before - timedelta(seconds=1) < plan.start - timedelta(minutes=10) <= after
    assert (plan.start.tzinfo, plan.start.microsecond) == (COPENHAGEN, 0)


def test_a_file_and_options_together_are_wrong(tmp_path: Path) -> None:
    file = tmp_path / "day.csv"
    file.write_text("2026-12-01T17:00,1\n2026-12-01T17:15,0\n", encoding="utf-8")
    result = CliRunner().invoke(
        main, ["schedule", "set", "hp0001", "evu", "--csv", str(file), "--values", "1"]
    )
    assert (result.exit_code, "leave the options away" in result.output) == (2, True)


def test_options_and_file_make_the_same_plan(tmp_path: Path) -> None:
    rest: dict[str, Any] = {"repeat": "daily", "reuse": True, "zone": COPENHAGEN}
    table = "2026-12-01T17:00,1\n2026-12-01T17:15,0\n"
    by_file = scheduling._plan(None, None, None, table, **rest)
    by_options = scheduling._plan("2026-12-01T17:00", 900.0, "1, 0", None, **rest)
    assert by_file == by_options
    assert (by_file.start.hour, by_file.repeat, by_file.reuse) == (17, "daily", True)


# --- several heat pumps ---------------------------------------------------------------------------


def test_heat_pumps_are_named_with_commas_each_once() -> None:
    assert heat_pumps("hp0001, hp0002,hp0001") == ["hp0001", "hp0002"]
    with pytest.raises(click.UsageError):
        heat_pumps(" , ")


async def test_a_group_stands_for_its_heat_pumps_each_once() -> None:
    class North:
        async def group(self, name: str) -> Any:
            assert name == "north"
            return SimpleNamespace(members=("hp0001", "hp0003"))

    assert await members(cast("ServiceProvider", North()), heat_pumps("hp0001,@north,hp0002")) == [
        *("hp0001", "hp0003", "hp0002")
    ]


async def test_each_heat_pump_is_done_and_the_worst_decides_the_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    errors: dict[str, Exception] = {
        "hp2": NotAllowed("hp2: no right"),
        "hp3": ControlRefused("hp3", ServiceError.ACCESS_VIOLATION, "", AddCause.BLOCKED_BY_MODE),
        "hp4": NoAnswer("hp4 is away"),
    }

    async def work(name: str) -> None:
        if name in errors:
            raise errors[name]

    assert await for_each(["hp1"], work) == 0
    assert await for_each(["hp1", "hp5"], work) == 0
    assert await for_each(["hp1", "hp4"], work) == 4
    assert await for_each(["hp1", "hp2", "hp4"], work) == 3
    assert await for_each(["hp1", "hp2", "hp3", "hp4"], work) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "2 done"
    assert said[-1] == "1 done, 1 refused, 1 no right, 1 no answer"
    assert "hpclient: hp4 is away" in said


def test_shown_schedules_are_json_for_programs() -> None:
    assert json.loads(json.dumps(shown(True, False).as_dict()))["values"] == [True, False]
