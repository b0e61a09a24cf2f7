"""Master data: what is taken and refused, in and out as CSV, and metering points kept apart."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hub.cli import main
from hub.config import CONFIG_VARIABLE
from hub.registry.master_data import FIELDS, MasterData, check_digit

Hphub = Callable[..., Result]
POINT, OTHER = "571313180400000001", "571313180400000018"
WHOLE = {
    "make": "Vaillant", "model": "aroTHERM plus 75/6", "source": "air", "distribution": "floor",
    "buffer_tank": 200, "building_year": 1974, "heated_area": 140, "price_area": "DK1",
    "installed": "2026-11-28", "metering_points": [POINT],
}  # fmt: skip


@pytest.fixture
def two(granted: Hphub) -> Hphub:
    granted("heatpump", "add", "hp0002", "--box", "box0002@boxes.example.org")
    return granted


def data(hphub: Hphub, id_: str = "hp0001") -> dict[str, object]:
    shown = json.loads(hphub("heatpump", "data", id_, "--json").output)
    assert shown.pop("id") == id_
    return dict(shown)


# --- fields ------------------------------------------------------------------------------------------


def test_the_check_digit_is_that_of_gs1() -> None:
    assert check_digit("400638133393") == "1"  # EAN-13 4006381333931, counted the same way
    assert check_digit("57131318040000000") == "1"


@given(st.text("0123456789", min_size=17, max_size=17), st.integers(0, 17), st.integers(1, 9))
def test_any_one_mistyped_digit_is_found(digits: str, at: int, more: int) -> None:
    point = digits + check_digit(digits)
    assert MasterData(metering_points=(point,)).metering_points == (point,)
    wrong = point[:at] + str((int(point[at]) + more) % 10) + point[at + 1 :]
    with pytest.raises(ValidationError, match="check digit"):
        MasterData(metering_points=(wrong,))


REFUSED = (
    ("make", "=HYPERLINK(1)"), ("make", "x" * 61), ("model", "a\nb"), ("source", "gas"), ("source", "Air"),
    ("distribution", "walls"), ("buffer-tank", "-1"), ("buffer-tank", "much"), ("building-year", "99"),
    ("heated-area", "4"), ("heated-area", "100001"), ("heated-area", "140.5"), ("price-area", "DK3"),
    ("installed", "28.11.2026"), ("installed", "2026-02-30"), ("installed", "1700000000"),
    ("metering-point", "123"), ("metering-point", "571313180400000006"), ("metering-point", "５" * 18),
    ("metering-point", f"{POINT} {POINT}"),
)  # fmt: skip


def test_what_cannot_be_is_refused_by_the_name_of_the_field(granted: Hphub) -> None:
    """One hub for all: nothing of any of them is stored."""
    for option, value in REFUSED:
        others = () if option == "building-year" else ("--building-year", "1974")
        refused = granted("heatpump", "set", "hp0001", *others, f"--{option}", value)
        assert refused.exit_code == 2
        assert f"Error: {option.replace('-', '_').replace('point', 'points')}: " in refused.output
    assert set(map(str, data(granted).values())) == {"None", "[]"}


def test_fields_are_set_kept_and_cleared(granted: Hphub) -> None:
    options = [
        word
        for name, value in WHOLE.items()
        if name != "metering_points"
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]
    assert granted("heatpump", "set", "hp0001", *options, "--metering-point", POINT).exit_code == 0
    assert data(granted) == WHOLE
    granted("heatpump", "set", "hp0001", "--heated-area", "150", "--make", "")
    granted("heatpump", "set", "hp0001", "--metering-point", OTHER, "--metering-point", POINT)
    assert data(granted) == WHOLE | {"heated_area": 150, "make": None, "metering_points": [POINT, OTHER]}
    granted("heatpump", "set", "hp0001", "--metering-point", "")
    assert data(granted)["metering_points"] == []
    assert "aroTHERM plus 75/6" in granted("heatpump", "data", "hp0001").output
    assert granted("heatpump", "set", "hp0001").exit_code == 2
    assert granted("heatpump", "set", "nobody", "--make", "x").exit_code == 3


# --- personal ----------------------------------------------------------------------------------------


def test_metering_points_are_apart_not_in_the_audit_and_gone_with_the_heat_pump(
    granted: Hphub, folder: Path
) -> None:
    granted("heatpump", "set", "hp0001", "--make", "Vaillant", "--metering-point", POINT)
    assert POINT not in granted("heatpump", "export").output
    assert POINT not in granted("heatpump", "export", "--json").output
    assert POINT in granted("heatpump", "export", "--with-metering-points").output
    audit = json.loads(granted("audit", "--json").output)
    assert [(one["service"], one["detail"]) for one in audit[-2:]] == [
        ("heatpump set", "make, metering_points"), ("heatpump export", "1, with metering points"),
    ]  # fmt: skip
    granted("heatpump", "remove", "hp0001", "--yes")
    with sqlite3.connect(folder / "registry.db") as database:
        assert database.execute("SELECT count(*) FROM metering_point").fetchone() == (0,)
        assert database.execute("SELECT make FROM master_data").fetchone() == ("Vaillant",)


# --- CSV ---------------------------------------------------------------------------------------------


def import_(folder: Path, content: bytes) -> Result:
    environment = {CONFIG_VARIABLE: str(folder / "hub.yaml")}
    return CliRunner().invoke(main, ["heatpump", "import", "-"], input=content, env=environment)


def test_what_is_exported_can_be_taken_in(two: Hphub, folder: Path) -> None:
    cells = [str(value) for name, value in WHOLE.items() if name != "metering_points"]
    file = f"id,{','.join(FIELDS)}\nhp0001,{','.join(cells)},{OTHER} {POINT}\nhp0002{',' * len(FIELDS)}\n"
    taken = import_(folder, file.encode())
    assert (taken.exit_code, taken.output) == (0, "Master data of 2 heat pumps taken in.\n")
    assert data(two) == WHOLE | {"metering_points": [POINT, OTHER]}
    exported = two("heatpump", "export", "--with-metering-points").output
    assert exported == file.replace(f"{OTHER} {POINT}", f"{POINT} {OTHER}")
    assert import_(folder, exported.encode()).exit_code == 0
    assert two("heatpump", "export", "--with-metering-points").output == exported


def test_a_column_that_is_not_there_changes_nothing_and_an_empty_cell_clears(
    two: Hphub, folder: Path
) -> None:
    two("heatpump", "set", "hp0001", "--make", "Vaillant", "--heated-area", "140", "--metering-point", POINT)
    assert import_(folder, "\ufeffheated_area;id\r\n;hp0001\r\n\r\n90; hp0002 \r\n".encode()).exit_code == 0
    assert (data(two)["make"], data(two)["heated_area"], data(two)["metering_points"]) == (
        "Vaillant",
        None,
        [POINT],
    )
    assert data(two, "hp0002")["heated_area"] == 90


WRONG_FILES = (
    (b"id,make\nhp0001,Bosch\nhp0009,Nibe\n", "line 3: there is no heat pump 'hp0009'"),
    (b"id,make\nhp0001,Bosch\nhp0002,=1\n", "line 3: make: letters"),
    (b"id,make\nhp0001,Bosch\nhp0001,Nibe\n", "line 3: hp0001 stands in line 2 already"),
    (b"id,make\nhp0001,Bosch\nhp0002\n", "line 3: 1 cells, 2 are wanted"),
    (b"id,make\nhp0001,Bosch\nhp0002,\xff\n", "line 3: not UTF-8"),
    (b'id,make\nhp0001,Bosch\nhp0002,"open\n', "line 3: unexpected end"),
    (b"id,make,colour\nhp0001,Bosch,red\n", "line 1: the columns are"),
    (b"id,make,make\nhp0001,Bosch,Nibe\n", "line 1: the columns are"),
    (b"make\nBosch\n", "line 1: the columns are"),
    (b"", "line 1: the columns are"),
)


def test_one_wrong_line_and_nothing_is_taken_in(two: Hphub, folder: Path) -> None:
    for content, complaint in WRONG_FILES:
        refused = import_(folder, content)
        assert refused.exit_code == 2
        assert complaint in refused.output
    assert data(two)["make"] is None


def test_all_wrong_lines_are_told_up_to_a_screenful(two: Hphub, folder: Path) -> None:
    rows = "".join(f"nobody{number},x\n" for number in range(30))
    refused = import_(folder, b"id,make\nhp0001,Bosch\n" + rows.encode())
    assert refused.output.count("there is no heat pump") == 20
    assert "and 10 more" in refused.output
    assert "nothing was changed" in refused.output
    assert data(two)["make"] is None
