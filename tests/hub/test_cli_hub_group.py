"""``hphub group``, and grants on groups: what a person types and reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hub.cli import group as group_cli
from tests.hub.conftest import Hphub


@pytest.fixture
def north(granted: Hphub) -> Hphub:
    """Besides hp0001 and agg: hp0002 and hp0003, and the group north with the first two."""
    for number in (2, 3):
        add = f"heatpump add hp000{number} --box box000{number}@boxes.example.org"
        assert granted(*add.split()).exit_code == 0
    assert granted("group", "add", "north", "--note", "below substation 12").exit_code == 0
    assert granted("group", "member", "add", "north", "hp0001", "hp0002").exit_code == 0
    return granted


def shown(hphub: Hphub, *command: str) -> Any:
    result = hphub(*command, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_group_is_made_filled_and_shown(north: Hphub) -> None:
    (listed,) = shown(north, "group", "list")
    assert (listed["id"], listed["members"], listed["note"]) == ("north", 2, "below substation 12")
    one = shown(north, "group", "show", "@north")
    assert one["heatpumps"] == ["hp0001", "hp0002"]
    assert one["grants"] == []
    assert "hp0002" in north("group", "show", "north").stdout
    gone = north("group", "member", "remove", "north", "hp0001", "hp0003")
    assert gone.stdout == "Heat pumps that left group north: 1.\n"
    assert shown(north, "group", "show", "north")["heatpumps"] == ["hp0002"]


@pytest.mark.parametrize("name", ["@north", "north"])
def test_a_grant_on_a_group_shows_at_group_and_heat_pump(north: Hphub, name: str) -> None:
    given = north("grant", "add", "agg", name, "--right", "control")
    assert given.stdout == "Grant 2: agg has control on @north, without end.\n"
    (of_group,) = shown(north, "grant", "list", "--group", name)
    assert (of_group["group"], of_group["heatpump"]) == ("north", None)
    assert [one["key"] for one in shown(north, "grant", "list", "--heatpump", "hp0001")] == [1, 2]
    assert [one["key"] for one in shown(north, "heatpump", "show", "hp0002")["grants"]] == [2]
    assert "@north" in north("grant", "list").stdout
    revoked = north("grant", "revoke", "agg", name)
    assert revoked.stdout == "Grant 2 revoked: agg had control on @north.\n"
    assert shown(north, "grant", "list", "--group", name) == []


def test_members_come_from_a_file_in_steps_each_audited(
    north: Hphub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_cli, "AT_ONCE", 2)
    for number in range(4, 8):
        add = f"heatpump add hp000{number} --box box000{number}@boxes.example.org"
        assert north(*add.split()).exit_code == 0
    rows = ["HeatPump,street", *(f"hp000{number}, some street" for number in range(3, 8)), "", "hp0001"]
    (tmp_path / "north.csv").write_text("\ufeff" + "\r\n".join(rows))
    came = north("group", "member", "add", "north", "--from", str(tmp_path / "north.csv"))
    assert came.stdout == "Heat pumps that came into group north: 5.\n"
    assert len(shown(north, "group", "show", "north")["heatpumps"]) == 7
    steps = [one for one in shown(north, "audit") if one["service"] == "group member add"]
    assert [one["references"] for one in steps] == [
        ["hp0001", "hp0002"], ["hp0003", "hp0004"], ["hp0005", "hp0006"], ["hp0007"],
    ]  # fmt: skip
    assert {one["heatpump"] for one in steps} == {"@north"}


def test_one_wrong_id_in_a_file_changes_nothing(north: Hphub, tmp_path: Path) -> None:
    (tmp_path / "north.csv").write_text("hp0003\nhp9999\n")
    result = north("group", "member", "add", "north", "--from", str(tmp_path / "north.csv"))
    assert result.exit_code == 3
    assert "no heat pump 'hp9999'" in result.stderr
    assert len(shown(north, "group", "show", "north")["heatpumps"]) == 2


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("group add hp0001", 1, "there is a heat pump hp0001 already"),
        ("group add UPPER", 2, "cannot be an id"),
        ("group show south", 3, "no group 'south'"),
        ("group member add south hp0001", 3, "no group 'south'"),
        ("group member add north", 2, "name heat pumps, or a file"),
        ("grant add agg @south --right read", 3, "no group 'south'"),
        ("grant list --group south", 3, "no group 'south'"),
        ("grant revoke agg hp0003", 3, "has no grant for heat pump hp0003"),
        ("group remove north", 2, "add --yes"),
    ],
)
def test_what_cannot_be_done_says_why(north: Hphub, command: str, code: int, says: str) -> None:
    result = north(*command.split())
    assert result.exit_code == code
    assert says in result.stderr


def test_a_removed_group_leaves_its_heat_pumps(north: Hphub) -> None:
    assert north("grant", "add", "agg", "@north", "--right", "read").exit_code == 0
    removed = north("group", "remove", "north", "--yes")
    assert removed.stdout == "Group north removed; 1 grants ended.\n"
    assert [one["key"] for one in shown(north, "grant", "list")] == [1]
    assert len(shown(north, "heatpump", "list")) == 3


def test_an_empty_hub_says_how_to_begin(hphub: Hphub) -> None:
    assert hphub("group", "list").stdout == "No groups yet. Make one: hphub group add north\n"
