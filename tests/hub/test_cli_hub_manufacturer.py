"""Manufacturers: added, shown, removed, and which boxes they may see."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from hub.registry import Heard, Registry, add_heat_pump, enter_router, keep_presence
from hub.registry.manufacturers import TECHNICAL, boxes_of
from hub.roster import HeatPump, LinkState
from iec61850_model.scl import read_scl

Hphub = Callable[..., Result]
ICD = Path(__file__).parents[2] / "config" / "heatpump-box.icd"
NOW = 1_800_000_000.0


def as_json(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def grants(hphub: Hphub, provider: str = "maker") -> dict[str, dict[str, Any]]:
    found = as_json(hphub("grant", "list", "--provider", provider, "--json"))
    return {one["heatpump"]: one for one in found}


@pytest.fixture
def maker(granted: Hphub) -> Hphub:
    """Beside hp0001 on boxes.example.org: two boxes on maker.example, one from before the manufacturer."""
    for command in (
        "heatpump add hp0002 --box box0002@maker.example --note House-of-Jensen",
        "manufacturer add maker --domain maker.example",
        "heatpump add hp0003 --box box0003@maker.example",
        "heatpump add hp0004 --box box0004@not-maker.example",
        "heatpump add hp0005 --box box0005@sub.maker.example",
    ):
        done = granted(*command.split())
        assert done.exit_code == 0, done.output
    return granted


def test_a_manufacturer_may_read_what_is_technical_of_the_boxes_on_its_domain_and_nothing_else(
    maker: Hphub,
) -> None:
    given = grants(maker)
    assert set(given) == {"hp0002", "hp0003"}
    for one in given.values():
        assert one["rights"] == ["read"]
        assert set(one["scope"]) == set(TECHNICAL)
    assert set(grants(maker, "agg")) == {"hp0001"}


def test_what_is_technical_is_in_the_model() -> None:
    tree = read_scl(ICD.read_bytes())
    data_objects = {str(reference).partition("[")[0] for reference, _ in tree.data_objects()}
    for pattern in TECHNICAL:
        name = pattern.removesuffix("*")
        assert any(one.startswith(name) if name.endswith(".") else one == name for one in data_objects), name


def test_the_state_shows_its_own_boxes_and_nothing_personal(maker: Hphub) -> None:
    shown = as_json(maker("manufacturer", "status", "maker", "--json"))
    assert shown["jid"] == "service@maker.example"
    assert [(one["id"], one["box"], one["presence"]) for one in shown["boxes"]] == [
        ("hp0002", "box0002@maker.example", "unknown"),
        ("hp0003", "box0003@maker.example", "unknown"),
    ]
    for text in (json.dumps(shown), maker("manufacturer", "status", "maker").output):
        assert "Jensen" not in text
        assert "agg" not in text
        assert "hp0001" not in text
    assert [one["id"] for one in as_json(maker("manufacturer", "list", "--json"))] == ["maker"]


def test_a_removed_manufacturer_sees_nothing_and_its_boxes_stay(maker: Hphub) -> None:
    assert maker("manufacturer", "remove", "maker").exit_code == 2, "it asks"
    assert maker("manufacturer", "remove", "maker", "--yes").exit_code == 0
    assert as_json(maker("grant", "list", "--json")) == list(grants(maker, "agg").values())
    assert maker("manufacturer", "status", "maker").exit_code == 3
    assert maker("heatpump", "show", "hp0002").exit_code == 0
    assert maker("heatpump", "add", "hp0006", "--box", "box0006@maker.example").exit_code == 0
    assert maker("manufacturer", "add", "again", "--domain", "maker.example").exit_code == 0
    assert set(grants(maker, "again")) == {"hp0002", "hp0003", "hp0006"}


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        ("manufacturer add other --domain maker.example --jid x@maker.example", 1),
        ("manufacturer add other --domain other.example --jid x@maker.example", 2),
        ("manufacturer add other --domain hub.example.org", 2),
        ("manufacturer add other --domain a@b", 2),
        ("manufacturer add agg --domain other.example", 1),
        ("manufacturer status agg", 3),
        ("manufacturer remove agg --yes", 3),
    ],
)
def test_what_cannot_be_is_refused(maker: Hphub, command: str, exit_code: int) -> None:
    before = grants(maker, "agg")
    assert maker(*command.split()).exit_code == exit_code
    assert grants(maker, "agg") == before


async def test_when_a_box_was_last_seen_outlives_its_link(registry: Registry) -> None:
    new = HeatPump("hp0001", "box0001@maker.example")
    await registry.run(add_heat_pump, new, hub_domain="hub.example.org", now=NOW)

    async def seen(state: LinkState, at: float) -> float | None:
        await registry.run(keep_presence, "r1", {"hp0001": Heard(state, at)}, {})
        ((_, known),) = await registry.read(boxes_of, "maker.example")
        assert known is not None
        return known.seen

    await registry.run(enter_router, "r1", NOW)
    assert await seen(LinkState.OFFLINE, NOW) is None
    assert await seen(LinkState.ONLINE, NOW + 1) == NOW + 1
    assert await seen(LinkState.OFFLINE, NOW + 60) == NOW + 60
    assert await seen(LinkState.OFFLINE, NOW + 90) == NOW + 60
