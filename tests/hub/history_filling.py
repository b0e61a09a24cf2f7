"""Samples of a heat pump, as the collector stores them."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from hub.config import HubConfig
from hub.history.quantities import QUANTITIES
from hub.history.reading import Sample
from hub.history.store import HistoryStore, Intake
from hub.registry import Registry
from hub.registry.consents import consents_since, series_of

PERIOD = 300
SAMPLES = 4


def fill(folder: Path, heat_pump: str) -> None:
    """Store SAMPLES of this heat pump, the last one of now."""
    asyncio.run(_fill(folder, heat_pump))


async def _fill(folder: Path, heat_pump: str) -> None:
    config = HubConfig.load(folder / "hub.yaml")
    registry = await Registry.open(config.databases.registry)
    (pk,) = [one.pk for one in await registry.read(consents_since, 0) if one.heat_pump == heat_pump]
    series = (await registry.run(series_of, [pk]))[pk]
    await registry.close()
    store = await HistoryStore.open(config.databases.history)
    await store.open_series([series], time.time())
    cells = (812.5, *[None] * (len(QUANTITIES) - 1))
    last = int(time.time()) // PERIOD * PERIOD + PERIOD
    batch = [
        Intake(series, bytes(8), Sample(last - n * PERIOD, 0, 0, cells)) for n in reversed(range(SAMPLES))
    ]
    await store.write(batch, time.time())
    await store.close()
