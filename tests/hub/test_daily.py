"""What the hub does once a day: again after a failure, and the audit's pruning in the hub as it runs."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

import hub.daily
from hub import start
from hub.audit import AuditEntry, AuditKind, AuditLog, verify
from hub.config import HubConfig
from hub.daily import Daily

DAY = 86_400.0
PATIENCE = 20.0
"""Seconds until a test gives up waiting; never the measure of anything."""


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub.daily, "FIRST_AFTER", 0.0)


async def test_what_fails_is_done_again_the_next_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub.daily, "EVERY", 0.0)
    times: list[float] = []
    done = asyncio.Event()

    async def once(now: float) -> None:
        times.append(now)
        if len(times) == 1:
            raise OSError("the disk is full")
        done.set()

    task = asyncio.create_task(Daily("something", once).run())
    async with asyncio.timeout(PATIENCE):
        await done.wait()
    task.cancel()
    assert abs(times[0] - time.time()) < PATIENCE


async def chain_of(url: str) -> tuple[int, int]:
    result = await verify(url)
    assert result.findings == ()
    return next((one.first, one.seq) for one in result.heads if one.chain == "router")


@pytest.mark.parametrize("keep_days", [30, None])
async def test_operations_prunes_the_audit_as_hub_yaml_says(
    folder: Path, keep_days: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start.logs, "configure", lambda _level: None)
    path = folder / "hub.yaml"
    if keep_days:
        path.write_text(path.read_text() + f"\naudit:\n  keep_days: {keep_days}\n")
    config = HubConfig.load(path)
    audit = await AuditLog.open(config.databases.audit, "router")
    for days in (32, 31, 29, 1):
        await audit.append(AuditEntry(at=time.time() - days * DAY, kind=AuditKind.REQUEST))
    await audit.close()
    asked = asyncio.Event()
    once = hub.daily.Daily.run

    async def run(self: Daily) -> None:
        asked.set()
        await once(self)

    monkeypatch.setattr(hub.daily.Daily, "run", run)
    task = asyncio.create_task(start.run(config, (start.OPERATIONS,)))
    async with asyncio.timeout(PATIENCE):
        while keep_days and await chain_of(config.databases.audit) != (3, 4):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.2)
    task.cancel()
    await asyncio.wait({task})
    assert asked.is_set() == bool(keep_days)
    assert await chain_of(config.databases.audit) == ((3, 4) if keep_days else (1, 4))
