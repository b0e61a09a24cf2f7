"""``hphub history status``: what an operator and a program see."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from hub.config import HubConfig
from hub.history.quantities import QUANTITIES
from hub.history.reading import Sample
from hub.history.store import HistoryStore, Intake
from hub.registry import Registry
from hub.registry.consents import consents_since, series_of

Hphub = Callable[..., Result]
T = int(time.time()) // 300 * 300 - 300


async def store(folder: Path) -> None:
    """Two samples with a gap of one between them, and a double, for hp0001."""
    config = HubConfig.load(folder / "hub.yaml")
    registry = await Registry.open(config.databases.registry)
    (pump, *_) = await registry.read(consents_since, 0)
    series = (await registry.run(series_of, [pump.pk]))[pump.pk]
    await registry.close()
    history = await HistoryStore.open(config.databases.history)
    await history.open_series([series], time.time())
    cells = (812.5, *[None] * (len(QUANTITIES) - 1))
    for number, end in enumerate((T - 600, T, T)):
        sample = Sample(end, 0b110, 0b001, cells)
        await history.write([Intake(series, number.to_bytes(8), sample)], time.time())
    await history.close()


@pytest.fixture
def filled(granted: Hphub, folder: Path) -> Hphub:
    assert (
        granted("grant", "add", "agg", "hp0001", "--right", "history", "--purpose", "operation").exit_code
        == 0
    )
    assert granted("heatpump", "add", "hp0002", "--box", "box0002@boxes.example.org").exit_code == 0
    asyncio.run(store(folder))
    return granted


def test_the_table_has_a_row_for_each_heat_pump(filled: Hphub) -> None:
    header, one, two = filled("history", "status").output.splitlines()
    assert header.split() == ["ID", "CONSENT", "LAST", "POWER", "LAG", "GAPS", "DOUBLES", "GOOD"]
    assert one.split()[0:2] == ["hp0001", "yes"]
    assert one.split()[-5] == "812.5"
    assert one.split()[-3:] == ["1", "1", "0.0%"]
    assert two.split() == ["hp0002", "no", "-", "-", "-", "-", "-", "-"]


def test_one_heat_pump_with_its_last_values(filled: Hphub) -> None:
    lines = filled("history", "status", "hp0001").output.splitlines()
    assert ["electric_power", "812.5", "W", "questionable"] in [line.split() for line in lines]
    assert ["reactive_power", "-", "var", "invalid"] in [line.split() for line in lines]
    assert ["samples", "2"] in [line.split() for line in lines]
    assert ["room_humidity", "-", "%", "not", "reported"] in [line.split() for line in lines]


def test_json_for_programs(filled: Hphub) -> None:
    before = time.time()
    first, second = json.loads(filled("history", "status", "--json").output)
    assert (first["heat_pump"], first["consent"], first["samples"]) == ("hp0001", True, 2)
    assert (first["gaps"], first["doubles"], first["good_share"]) == (1, 1, 0.0)
    assert before - T - 1 <= first["lag_s"] <= time.time() - T + 1
    assert first["last_interval"].endswith("Z")
    assert first["values"]["electric_power"] == {"value": 812.5, "unit": "W", "quality": "questionable"}
    assert (second["samples"], second["last_interval"], second["values"]) == (0, None, {})
    alone = json.loads(filled("history", "status", "hp0001", "--json").output)
    assert alone["heat_pump"] == "hp0001"


def test_no_such_heat_pump(filled: Hphub) -> None:
    result = filled("history", "status", "hp9999")
    assert result.exit_code == 3
    assert "hphub heatpump list" in result.output


def test_a_hub_without_heat_pumps_says_what_to_do(hphub: Hphub) -> None:
    assert "hphub heatpump add" in hphub("history", "status").output


def test_an_older_hub_gets_what_the_collector_needs(hphub: Hphub, folder: Path) -> None:
    (folder / "secrets" / "history").unlink()
    (folder / "history.db").unlink()
    failed = hphub("history", "status")
    assert failed.exit_code == 1
    assert "hphub init" in failed.output
    assert hphub("init", "--dir", str(folder)).exit_code == 0
    assert (folder / "secrets" / "history").stat().st_mode & 0o777 == 0o600
    assert hphub("history", "status").exit_code == 0
