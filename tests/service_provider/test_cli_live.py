"""``hpclient watch --dataset``: what a person sees at a terminal, what a pipe gets, what a program reads."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import pytest
from rich.console import Console

from iec61850_model.values import NOT_CONNECTED
from service_provider import HeatPumpReport
from service_provider.cli.live import Board, show
from tests.service_provider.reporting_box import ReportingBox

POWER, COMPRESSOR = "MET/MMXU1.TotW", "HP/HpGGIO1.Ind1"


@pytest.fixture
async def reports() -> list[HeatPumpReport]:
    """Everything, then a change of the power, then a contact that is lost."""
    box = ReportingBox()
    box.has(POWER, 812.5)
    box.has(COMPRESSOR, True)
    async with aclosing(box.sp.reports("hp0001", members=[POWER, COMPRESSOR])) as stream:
        found = [await anext(stream)]
        box.has(POWER, 2000.0)
        found.append(await anext(stream))
        box.has(COMPRESSOR, True, NOT_CONNECTED)
        return [*found, await anext(stream)]


async def stream_of(reports: list[HeatPumpReport]) -> AsyncGenerator[HeatPumpReport, None]:
    for report in reports:
        yield report


def shown(board: Board, *, colour: bool = False) -> str:
    console = Console(width=120, force_terminal=colour, color_system="standard" if colour else None)
    with console.capture() as capture:
        console.print(board.table())
    return capture.get()


def line(text: str, reference: str) -> list[str]:
    (found,) = [one.split() for one in text.splitlines() if reference in one]
    return found


async def test_the_table_has_the_last_value_of_everything(reports: list[HeatPumpReport]) -> None:
    board = Board()
    assert "no report yet" in shown(board)
    board.take(reports[0])
    assert line(shown(board), POWER)[1:4] == ["812.5", "W", "good"]
    board.take(reports[1])
    assert line(shown(board), POWER)[1:4] == ["2000", "W", "good"]
    assert line(shown(board), POWER)[-1] == "dchg"
    assert line(shown(board), COMPRESSOR)[1:3] == ["on", "good"], "what is not in a report stays"
    board.take(reports[2])
    assert line(shown(board), COMPRESSOR)[1:4] == ["—", "invalid", "(failure)"]


async def test_what_the_last_report_told_is_bold(reports: list[HeatPumpReport]) -> None:
    board = Board()
    board.take(reports[0])
    board.take(reports[1])
    rows = shown(board, colour=True).splitlines()
    assert ["\x1b[1m" in row for row in rows if POWER in row or COMPRESSOR in row] == [True, False]


async def test_the_title_says_that_reports_are_missing_and_does_not_forget_it(
    reports: list[HeatPumpReport],
) -> None:
    board = Board()
    board.take(replace(reports[0], buf_ovfl=True, missed=True))
    board.take(reports[1])
    assert "overflowed" in shown(board)
    assert "lost on the way" in shown(board)


async def test_each_report_is_one_line_of_json(
    reports: list[HeatPumpReport], capsys: pytest.CaptureFixture[str]
) -> None:
    await show(stream_of(reports), as_json=True, count=None)
    lines = [json.loads(one) for one in capsys.readouterr().out.splitlines()]
    assert lines == [report.as_dict() for report in reports]
    assert [one["reference"] for one in lines[0]["values"]] == [POWER, COMPRESSOR]


async def test_in_a_pipe_each_value_is_a_line_and_what_is_missing_is_said_beside(
    reports: list[HeatPumpReport], capsys: pytest.CaptureFixture[str]
) -> None:
    await show(stream_of([reports[0], replace(reports[1], buf_ovfl=True)]), as_json=False, count=None)
    out, err = capsys.readouterr()
    assert [one.split("\t")[1:] for one in out.splitlines()] == [
        [f"{POWER}[MX]", "812.5 W", "good", "gi"],
        [f"{COMPRESSOR}[ST]", "on", "good", "gi"],
        [f"{POWER}[MX]", "2000 W", "good", "dchg"],
    ]
    assert "overflowed" in err


async def test_it_ends_after_as_many_as_were_asked_for(
    reports: list[HeatPumpReport], capsys: pytest.CaptureFixture[str]
) -> None:
    await show(stream_of(reports), as_json=True, count=2)
    assert len(capsys.readouterr().out.splitlines()) == 2
