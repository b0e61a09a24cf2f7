"""``hphub heatpump replace``, ``settings`` and ``restore``: what they print, change and refuse."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_cli_hub_enrolment import Hphub, configure, done, enrolling, listed, shown_code  # noqa: F401 - fixtures

from hub.registry import Registry
from hub.registry.settings import settings_of
from hub.registry.settings_work import SettingsRead, SettingsWritten, keep_settings, settings_restored
from iec61850_model.mms.one_value import as_text
from iec61850_model.mms.pdu import Data, ObjectName

CURVE, ROOM = "HP/HcFCSD1.Crv[SP]", "HP/RmFSPT1.SptVal"
OLD, NEW = "box0001@boxes.example.org", "box0107@boxes.example.org"


def number(value: float) -> str:
    return as_text(ObjectName("X", "HP"), Data("structure", (Data("floating-point", value),)))


def in_registry(folder: Path, fn: Any, *arguments: Any, **more: Any) -> Any:
    async def run() -> Any:
        registry = await Registry.open(f"sqlite+aiosqlite:///{folder}/registry.db")
        try:
            return await registry.run(fn, *arguments, **more)
        finally:
            await registry.close()

    return asyncio.run(run())


@pytest.fixture
def kept(granted: Hphub, folder: Path) -> Hphub:
    """hp0001, whose settings operations has read."""
    values = {CURVE: number(45), ROOM: number(21.5)}
    in_registry(folder, keep_settings, [SettingsRead("hp0001", time.time(), 0, values)])
    return granted


def settings(hphub: Hphub) -> dict[str, Any]:
    return dict(json.loads(done(hphub("heatpump", "settings", "hp0001", "--json"))))


def test_settings_are_shown_and_nothing_before_they_are_read(kept: Hphub, hphub: Hphub) -> None:
    lines = done(kept("heatpump", "settings", "hp0001")).splitlines()
    assert [line.split()[:2] for line in lines[:3]] == [["SETTING", "NOW"], [CURVE, "45.0"], [ROOM, "21.5"]]
    assert lines[3].startswith("Read ")
    assert settings(kept)["settings"][1] == {
        "reference": ROOM, "now": 21.5, "kept": None, "kept_of": None, "restored": "",
    }  # fmt: skip
    done(hphub("heatpump", "add", "hp0002", "--box", "box0002@boxes.example.org"))
    assert "No settings yet" in done(hphub("heatpump", "settings", "hp0002"))
    assert hphub("heatpump", "settings", "hp0003").exit_code == 3


def test_a_box_is_replaced_and_the_operator_told_what_becomes_of_it(kept: Hphub) -> None:
    told = done(kept("heatpump", "replace", "hp0001", "--box", NEW, "--yes"))
    assert f"{NEW} stands for hp0001 now; {OLD} is shut out" in told
    assert "2 settings of the former box are kept: `hphub heatpump restore hp0001`" in told
    assert "At the hub only: boxes.example.org is not a domain of this hub" in told
    shown = json.loads(done(kept("heatpump", "show", "hp0001", "--json")))
    assert (shown["box"], [one["provider"] for one in shown["grants"]]) == (NEW, ["agg"])
    assert shown["box_since"] is not None
    row = json.loads(done(kept("audit", "--heatpump", "hp0001", "--json")))[-1]
    rows = [one for one in json.loads(done(kept("audit", "--json"))) if one["service"] == "heatpump replace"]
    assert row and [one["detail"] for one in rows] == [
        f"in place of {OLD}; 0 certificates revoked, 2 settings kept"
    ]
    assert [one["kept"] for one in settings(kept)["settings"]] == [45.0, 21.5]


def test_restore_is_asked_with_it_or_later_and_its_result_shown(kept: Hphub, folder: Path) -> None:
    told = done(kept("heatpump", "replace", "hp0001", "--box", NEW, "--restore", "--yes", "--json"))
    assert settings(kept)["restoring"] == "wanted"
    assert '"settings": 2' in told
    assert "to be restored since" in done(kept("heatpump", "show", "hp0001"))
    asked_at = in_registry(folder, settings_of, "hp0001").restoring_at
    outcome = SettingsWritten(asked_at, {CURVE: "", ROOM: "the box has no such setting"}, "", done=True)
    in_registry(folder, settings_restored, "hp0001", outcome, now=time.time())
    assert "1 of 2 restored" in done(kept("heatpump", "show", "hp0001"))
    lines = done(kept("heatpump", "settings", "hp0001")).splitlines()
    assert lines[1].endswith("  restored")
    assert lines[2].endswith("  the box has no such setting")
    assert "2 settings are written" in done(kept("heatpump", "restore", "hp0001"))
    again = settings(kept)
    assert (again["restoring"], [one["restored"] for one in again["settings"]]) == ("wanted", ["", ""])


def test_with_enrol_the_new_box_gets_a_code_and_an_account_of_its_own(
    enrolling: Hphub, configure: Any, folder: Path  # noqa: F811
) -> None:  # fmt: skip
    configure(revoked_file=str(folder / "revoked"), close_session=["true"])
    first = shown_code(enrolling("heatpump", "add", "hp0042", "--enrol"))
    told = enrolling("heatpump", "replace", "hp0042", "--enrol", "--yes")
    second = shown_code(told)
    assert second.secret != first.secret
    assert "It becomes hp0042-2@boxes.example.org" in told.output
    assert "Its session on boxes.example.org is closed" in told.output
    assert listed(enrolling)["hp0042"]["box"] == "hp0042-2@boxes.example.org"
    code = json.loads(enrolling("heatpump", "replace", "hp0042", "--enrol", "--yes", "--json").stdout)
    assert (code["box"], code["id"]) == ("hp0042-3@boxes.example.org", "hp0042")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "says"),
    [
        (["hp0001", "--box", OLD, "--yes"], 1, "the new box one of its own"),
        (["hp0001", "--yes"], 2, "--enrol for a new one"),
        (["hp0001", "--box", NEW], 2, "add --yes"),
        (["hp0001", "--enrol", "--yes"], 1, "enrolment.box_domain"),
        (["hp0009", "--box", NEW, "--yes"], 3, "no heat pump"),
        (["hp0001", "--box", "x@hub.example.org", "--yes"], 2, "hub's own domain"),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(
    kept: Hphub, arguments: list[str], exit_code: int, says: str
) -> None:
    told = kept("heatpump", "replace", *arguments)
    assert (told.exit_code, says in told.output) == (exit_code, True), told.output
    assert json.loads(done(kept("heatpump", "show", "hp0001", "--json")))["box"] == OLD


def test_a_code_for_a_box_that_is_at_home_elsewhere_changes_nothing_either(
    enrolling: Hphub,  # noqa: F811
    folder: Path,
) -> None:
    assert yaml.safe_load((folder / "hub.yaml").read_text())["enrolment"]["box_domain"]
    done(enrolling("heatpump", "add", "hp0042", "--box", "b@elsewhere.example"))
    told = enrolling("heatpump", "replace", "hp0042", "--box", "c@elsewhere.example", "--enrol", "--yes")
    assert (told.exit_code, "its own server gives it" in told.output) == (2, True)
    assert listed(enrolling)["hp0042"]["box"] == "b@elsewhere.example"


def test_nothing_is_restored_where_no_box_was_replaced(kept: Hphub) -> None:
    told = kept("heatpump", "restore", "hp0001")
    assert (told.exit_code, "hphub heatpump replace" in told.output) == (1, True)
