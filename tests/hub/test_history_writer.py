"""Many reports in one transaction: in order, bounded, tried again, and never without consent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from hub.history import writer as module
from hub.history.store import Intake, Written
from hub.history.writer import MAX_BATCH, MAX_WAITING, Writer
from tests.hub.history_reports import entry

PATIENCE = 10.0


@dataclass
class PretendedStore:
    """Keeps what is written; ``gate`` closed: a transaction takes until it is opened."""

    batches: list[list[bytes]] = field(default_factory=list)
    failures: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, batch: Sequence[Intake], now: float) -> Written:
        await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise ConnectionRefusedError("the database is away")
        self.batches.append([one.entry for one in batch])
        return Written(len(batch), 0)


@asynccontextmanager
async def running(store: PretendedStore) -> AsyncIterator[Writer]:
    writer = Writer(store)
    task = asyncio.create_task(writer.run())
    try:
        yield writer
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()


def put(
    writer: Writer, number: int, done: list[tuple[int, bool]], allowed: Callable[[], bool] = lambda: True
) -> bool:
    return writer.put(Intake(1, entry(number), None), allowed, lambda stored: done.append((number, stored)))


async def test_what_comes_during_a_transaction_shares_the_next_one_in_order() -> None:
    store, done = PretendedStore(), list[tuple[int, bool]]()
    async with running(store) as writer:
        put(writer, 0, done)
        await asyncio.sleep(0.01)
        for number in range(1, MAX_BATCH + 2):
            put(writer, number, done)
        assert done == []
        store.gate.set()
        await writer.finish(PATIENCE)
    assert [len(batch) for batch in store.batches] == [1, MAX_BATCH, 1]
    assert done == [(number, True) for number in range(MAX_BATCH + 2)]


async def test_there_is_no_room_for_ever_more() -> None:
    store, done = PretendedStore(), list[tuple[int, bool]]()
    async with running(store) as writer:
        assert all(put(writer, number, done) for number in range(MAX_WAITING))
        await asyncio.sleep(0.01)
        assert not put(writer, MAX_WAITING, done)
        store.gate.set()
        await writer.finish(PATIENCE)
        assert put(writer, MAX_WAITING, done)


async def test_a_transaction_that_fails_is_tried_again_before_what_came_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FIRST_RETRY", 0.01)
    store, done = PretendedStore(failures=3), list[tuple[int, bool]]()
    store.gate.set()
    async with running(store) as writer:
        put(writer, 1, done)
        while not writer.counts.failing:  # noqa: ASYNC110 - a counter is what there is
            await asyncio.sleep(0.001)
        put(writer, 2, done)
        assert done == []
        await writer.finish(PATIENCE)
        assert (writer.counts.failures, writer.counts.failing, writer.counts.stored) == (3, False, 2)
    assert done == [(1, True), (2, True)]
    assert [one for batch in store.batches for one in batch] == [entry(1), entry(2)]


async def test_consent_is_asked_right_before_each_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_RETRY", 0.01)
    store, done, consent = PretendedStore(failures=1), list[tuple[int, bool]](), [True]
    async with running(store) as writer:
        put(writer, 1, done, lambda: consent[0])
        put(writer, 2, done)
        await asyncio.sleep(0.01)
        consent[0] = False  # while the first try is under way
        store.gate.set()
        await writer.finish(PATIENCE)
    assert store.batches == [[entry(2)]]
    assert sorted(done) == [(1, False), (2, True)]


async def test_what_was_not_allowed_is_told_before_the_next_is_asked_about() -> None:
    """So that of one box nothing is stored after what was not."""
    store, done = PretendedStore(), list[tuple[int, bool]]()
    async with running(store) as writer:
        put(writer, 0, done)
        await asyncio.sleep(0.01)
        put(writer, 1, done, lambda: False)
        put(writer, 2, done, lambda: (1, False) not in done)
        store.gate.set()
        await writer.finish(PATIENCE)
    assert store.batches == [[entry(0)]]
    assert done == [(0, True), (1, False), (2, False)]


async def test_settle_waits_for_what_was_judged_before() -> None:
    store, done = PretendedStore(), list[tuple[int, bool]]()
    async with running(store) as writer:
        put(writer, 1, done)
        await asyncio.sleep(0.01)
        settled = asyncio.create_task(writer.settle())
        await asyncio.sleep(0.01)
        assert not settled.done()
        store.gate.set()
        await asyncio.wait_for(settled, PATIENCE)
    assert done == [(1, True)]


async def test_a_database_that_stays_away_does_not_keep_the_collector_from_ending() -> None:
    store, done = PretendedStore(), list[tuple[int, bool]]()
    async with running(store) as writer:
        put(writer, 1, done)
        await writer.finish(0.05)
    assert done == []
