"""``hpclient history``: what a person sees, a pipe gets and programs read, from the real collector's side."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hub.history import HISTORY_SCHEMA
from hub.history.store import HistoryStore
from hub.registry import (
    REGISTRY_SCHEMA,
    NewGrant,
    Registry,
    add_grant,
    add_heat_pump,
    add_provider,
)
from hub.roster import HeatPump, Provider, Right
from service_provider.cli import main
from service_provider.cli.connection import Login
from service_provider.cli.history import _writer
from tests.hub.history_reader import HUB, NOW, PERIOD, HistoryReader, sample

Hpclient = Callable[..., Result]
FIRST = datetime.fromtimestamp(NOW + PERIOD, UTC)


class Connected:
    """Stands for the connection: what is asked goes to a hub that has a history of hp0001."""

    def __init__(self, folder: Path, *rights: Right) -> None:
        self._folder = folder
        self._rights = rights
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Connected:
        urls = [f"sqlite+aiosqlite:///{self._folder}/{name}.db" for name in ("registry", "history")]
        await REGISTRY_SCHEMA.upgrade(urls[0])
        await HISTORY_SCHEMA.upgrade(urls[1])
        registry = await Registry.open(urls[0])
        self._opened.push_async_callback(registry.close)
        store = await HistoryStore.open(urls[1])
        self._opened.push_async_callback(store.close)
        pump, provider = HeatPump("hp0001", "box@boxes.example"), Provider("agg", "control@agg.example")
        await registry.run(add_heat_pump, pump, hub_domain=HUB, now=NOW)
        await registry.run(add_provider, provider, hub_domain=HUB, now=NOW)
        grant = NewGrant("agg", "hp0001", list(self._rights), "op", purpose="operation")
        await registry.run(add_grant, grant, now=NOW)
        reader = HistoryReader(registry, store)
        self._opened.push_async_callback(reader.close)
        await reader.reload()
        await reader.fill(
            1, sample(1), sample(2, questionable=1), sample(3, given=1 << 17, invalid=1), sample(4, given=2)
        )
        self.history = reader.sp.history
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()


@pytest.fixture
def hpclient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hpclient:
    def run(*arguments: str, rights: tuple[Right, ...] = (Right.HISTORY,)) -> Result:
        for old in tmp_path.glob("*.db*"):
            old.unlink()
        monkeypatch.setattr(Login, "provider", lambda _self: Connected(tmp_path, *rights))
        return CliRunner().invoke(main, ["history", "hp0001", *arguments])

    return run


SINCE = ("--from", "2027-01-15T08:00:00Z")


def test_json_has_an_interval_a_line_in_utc_with_the_quality_of_each_value(hpclient: Hpclient) -> None:
    result = hpclient(*SINCE, "--json", "MMXU1.TotW", "HIST/MMTR1.DmdWh", "MMXU1.TotVAr")
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["end"] for line in lines] == [f"2027-01-15T08:{n:02}:00.000Z" for n in (5, 10, 15, 20)]
    told = [{one["reference"]: (one["value"], one["quality"]) for one in line["values"]} for line in lines]
    power, energy = "HIST/MMXU1.TotW", "HIST/MMTR1.DmdWh"
    assert told == [
        {power: (1.5, "good"), energy: (1001, "good")},
        {power: (2.5, "questionable"), energy: (1002, "good")},
        {power: (None, "invalid"), energy: (1003, "good")},
        {"HIST/MMXU1.TotVAr": (4.5, "good")},
    ]
    assert {one["unit"] for one in lines[0]["values"]} == {"W", "Wh"}


def test_csv_has_a_head_with_units_and_every_quantity(hpclient: Hpclient) -> None:
    result = hpclient(*SINCE, "--to", "2027-01-15T08:15:00Z", "--csv")
    rows = list(csv.DictReader(result.stdout.splitlines()))
    assert len(rows) == 3
    assert len(rows[0]) == 1 + 2 * 20
    found = [(row["end"][11:16], row["MMXU1.TotW [W]"], row["MMXU1.TotW.q"]) for row in rows]
    assert found == [("08:05", "1.5", "good"), ("08:10", "2.5", "questionable"), ("08:15", "", "invalid")]
    assert (rows[0]["RmMMET1.EnvHum [%]"], rows[0]["RmMMET1.EnvHum.q"]) == ("", ""), "it was not reported"


def test_a_pipe_gets_lines_with_tabs_and_marks(hpclient: Hpclient) -> None:
    result = hpclient(*SINCE, "MMXU1.TotW", "MMTR1.DmdWh")
    assert [line.split("\t")[1:] for line in result.stdout.splitlines()] == [
        ["1.5", "1001"], ["2.5?", "1002"], ["—", "1003"], ["", ""],
    ]  # fmt: skip
    assert "\x1b" not in result.stdout


def test_nothing_in_that_time_is_said_and_is_no_error(hpclient: Hpclient) -> None:
    result = hpclient("--from", "2027-02-01", "--csv", "MMXU1.TotW")
    assert result.exit_code == 0
    assert result.stdout == "end,MMXU1.TotW [W],MMXU1.TotW.q\n"
    assert "your grants do not cover it" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "rights", "code", "says"),
    [
        ((), (Right.READ,), 3, "does not allow this"),
        (("MMXU1.TotWh",), (Right.HISTORY,), 2, "there are MMXU1.TotW, MMXU1.TotVAr"),
        (("--from", "soon"), (Right.HISTORY,), 2, "not a time"),
        (("--csv", "--json"), (Right.HISTORY,), 2, "contradict"),
        (("--from", "-1d", "--to", "-2d"), (Right.HISTORY,), 2, "ends before it starts"),
    ],
)
def test_what_is_wrong_is_said_and_has_its_exit_code(
    hpclient: Hpclient, arguments: tuple[str, ...], rights: tuple[Right, ...], code: int, says: str
) -> None:
    result = hpclient(*arguments, rights=rights)
    assert (result.exit_code, says in result.stderr) == (code, True), result.stderr


async def test_on_a_terminal_it_is_a_table_in_local_time_without_empty_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "dumb")
    async with Connected(tmp_path, Right.HISTORY) as sp:
        columns = await sp.history.newest("hp0001")
        intervals = [one async for one in sp.history.intervals("hp0001", stop=FIRST + timedelta(minutes=10))]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    _writer(columns, as_csv=False, as_json=False)(intervals)
    heads, units, *rows = capsys.readouterr().out.splitlines()
    assert (heads.split(), units.split()) == (["MMXU1.TotW", "MMTR1.DmdWh"], ["end", "[W]", "[Wh]"])
    local = f"{FIRST.astimezone():%Y-%m-%d %H:%M:%S}"
    assert rows[0].split() == [*local.split(), "1.5", "1001"]
    assert [row.split()[2] for row in rows] == ["1.5", "2.5?", "—"]
