"""``hphub history expire`` and the daily walk: what goes, when, and what the audit says."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from history_filling import PERIOD, SAMPLES, fill

from hub.config import HubConfig
from hub.history.expiry import ExpiryTask
from hub.registry import Registry

Hphub = Callable[..., Result]
DAY = 86_400


def as_json(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def filled(granted: Hphub, folder: Path) -> Hphub:
    """Grant 2 is a consent, hp0001 has samples of it."""
    given = granted("grant", "add", "agg", "hp0001", "--right", "history", "--purpose", "operation")
    assert given.exit_code == 0
    with sqlite3.connect(folder / "registry.db") as registry:
        registry.execute('UPDATE "grant" SET created = ? WHERE pk = 2', (time.time() - 100 * DAY,))
    fill(folder, "hp0001")
    return granted


def days_ago(folder: Path, ended: float) -> None:
    """The consent began 100 days ago and ended ``ended`` days ago; so were the samples taken."""
    with sqlite3.connect(folder / "registry.db") as registry:
        now = time.time()
        registry.execute(
            'UPDATE "grant" SET created = ?, revoked_at = ? WHERE pk = 2',
            (now - 100 * DAY, now - ended * DAY),
        )
    with sqlite3.connect(folder / "history.db") as history:
        history.execute("UPDATE sample SET interval = interval - ?", (int(ended * DAY) + 2 * PERIOD,))


def linked(folder: Path) -> int:
    """Samples that the registry can join to a heat pump."""
    with sqlite3.connect(folder / "registry.db") as registry:
        series = [row[0] for row in registry.execute("SELECT series FROM history_series")]
    with sqlite3.connect(folder / "history.db") as history:
        marks = ",".join("?" * len(series))
        return int(
            history.execute(f"SELECT count(*) FROM sample WHERE series IN ({marks})", series).fetchone()[0]
        )


def stored(folder: Path) -> int:
    with sqlite3.connect(folder / "history.db") as history:
        return int(history.execute("SELECT count(*) FROM sample").fetchone()[0])


def test_samples_stay_while_a_consent_is_in_force_or_over_for_some_days(filled: Hphub, folder: Path) -> None:
    assert as_json(filled("history", "expire", "--yes", "--json")) == []
    days_ago(folder, 29)
    assert as_json(filled("history", "expire", "--yes", "--json")) == []
    assert linked(folder) == SAMPLES


def test_afterwards_nothing_joins_them_to_the_heat_pump_and_the_audit_says_so(
    filled: Hphub, folder: Path
) -> None:
    days_ago(folder, 31)
    assert as_json(filled("history", "expire", "--dry-run", "--json")) == [
        {"heatpump": "hp0001", "samples": SAMPLES}
    ]
    assert linked(folder) == SAMPLES, "a dry run changes nothing"
    assert filled("history", "expire").exit_code == 2, "asks first"
    assert as_json(filled("history", "expire", "--yes", "--json"))[0]["samples"] == SAMPLES
    assert (linked(folder), stored(folder)) == (0, SAMPLES)
    (entry,) = [one for one in as_json(filled("audit", "--json")) if one["service"] == "history expire"]
    assert (entry["heatpump"], entry["chain"]) == ("hp0001", "history")
    assert f"{SAMPLES} samples anonymised" in entry["detail"]
    assert filled("audit", "verify").exit_code == 0


def test_they_are_erased_where_hub_yaml_says_so_by_the_daily_walk(filled: Hphub, folder: Path) -> None:
    with (folder / "hub.yaml").open("a") as config:
        config.write("\nhistory:\n  keep_days_after_consent: 2\n  after_consent: erase\n")
    days_ago(folder, 3)

    async def walk() -> int:
        config = HubConfig.load(folder / "hub.yaml")
        registry = await Registry.open(config.databases.registry)
        done = await ExpiryTask(config, registry).once(time.time())
        await registry.close()
        return sum(one.samples for one in done)

    assert asyncio.run(walk()) == SAMPLES
    assert stored(folder) == 0


def test_of_a_removed_heat_pump_the_series_is_cut_too(filled: Hphub, folder: Path) -> None:
    assert filled("heatpump", "remove", "hp0001", "--yes").exit_code == 0
    assert as_json(filled("history", "expire", "--yes", "--json")) == []
    days_ago(folder, 31)
    assert as_json(filled("history", "expire", "--yes", "--json"))[0]["samples"] == SAMPLES
    with sqlite3.connect(folder / "registry.db") as registry:
        assert registry.execute("SELECT count(*) FROM history_series").fetchone() == (0,)
