"""Samples and last EntryIDs in SQLite and PostgreSQL: together or not at all, and each interval once."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from hub.database import open_engine
from hub.history.models import SAMPLE
from hub.history.quantities import QUANTITIES
from hub.history.reading import Sample
from hub.history.store import HistoryStore, Intake

SERIES, OTHER = (1 << 63) - 2, 7
NOW = 1_700_000_400.0
T = 1_700_000_100


def sample(interval: int, power: float | None = 1.5, *, invalid: int = 0, questionable: int = 0) -> Sample:
    cells: list[float | int | None] = [None] * len(QUANTITIES)
    cells[0], cells[17] = power, 1 << 40
    return Sample(interval, invalid, questionable, tuple(cells))


def entry(number: int) -> bytes:
    return (0xFFFF_FFFF << 32 | number).to_bytes(8)


@pytest.fixture
async def store(history_url: str) -> AsyncIterator[HistoryStore]:
    opened = await HistoryStore.open(history_url)
    assert await opened.open_series([SERIES, OTHER], NOW) == {SERIES: None, OTHER: None}
    yield opened
    await opened.close()


async def rows(url: str) -> list[tuple[int, int, float | None, int | None]]:
    engine = open_engine(url)
    async with engine.connect() as connection:
        columns = (SAMPLE.c.series, SAMPLE.c.interval, SAMPLE.c.electric_power, SAMPLE.c.electric_energy)
        found = await connection.execute(select(*columns).order_by(SAMPLE.c.series, SAMPLE.c.interval))
        listed = [tuple(row) for row in found]
    await engine.dispose()
    return listed


async def test_a_batch_of_many_series_is_one_transaction(store: HistoryStore, history_url: str) -> None:
    batch = [
        Intake(SERIES, entry(1), sample(T)),
        Intake(OTHER, entry(5), sample(T, None, invalid=1)),
        Intake(SERIES, entry(2), sample(T + 300, 2.5, questionable=1)),
    ]
    written = await store.write(batch, NOW)
    assert (written.samples, written.doubles) == (3, 0)
    assert await rows(history_url) == [
        (OTHER, T, None, 1 << 40), (SERIES, T, 1.5, 1 << 40), (SERIES, T + 300, 2.5, 1 << 40),
    ]  # fmt: skip
    assert await store.open_series([SERIES, OTHER], NOW) == {SERIES: entry(2), OTHER: entry(5)}
    state, other = sorted(await store.states([SERIES, OTHER]), key=lambda one: -one.series)
    assert (state.samples, state.first_interval, state.last_interval, state.stored_at) == (2, T, T + 300, NOW)
    assert (state.good, state.questionable, state.invalid) == (3, 1, 0)
    assert (other.good, other.questionable, other.invalid) == (1, 0, 1)


async def test_a_double_is_refused_and_counted_and_the_first_one_stays(
    store: HistoryStore, history_url: str
) -> None:
    await store.write([Intake(SERIES, entry(1), sample(T, 1.0))], NOW)
    written = await store.write(
        [Intake(SERIES, entry(2), sample(T, 9.0)), Intake(SERIES, entry(3), sample(T + 300, 3.0)),
         Intake(SERIES, entry(4), sample(T + 300, 4.0))], NOW,
    )  # fmt: skip
    assert (written.samples, written.doubles) == (1, 2)
    assert [row[2] for row in await rows(history_url)] == [1.0, 3.0]
    (state,) = await store.states([SERIES])
    assert (state.samples, state.doubles, state.last_entry) == (2, 2, entry(4))


async def test_a_batch_that_fails_leaves_nothing(
    store: HistoryStore, history_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.write([Intake(SERIES, entry(1), sample(T))], NOW)
    monkeypatch.setattr("hub.history.store._UPDATE", text("UPDATE nowhere SET x = 1"))
    with pytest.raises(SQLAlchemyError):
        await store.write([Intake(SERIES, entry(2), sample(T + 300))], NOW)
    assert len(await rows(history_url)) == 1
    assert await store.open_series([SERIES], NOW) == {SERIES: entry(1)}


async def test_an_entry_without_a_sample_is_remembered_all_the_same(
    store: HistoryStore, history_url: str
) -> None:
    await store.write([Intake(SERIES, entry(3), None, overflow=True, misdated=True)], NOW)
    (state,) = await store.states([SERIES])
    assert (state.last_entry, state.samples, state.overflows, state.misdated) == (entry(3), 0, 1, 1)
    assert (state.first_interval, state.last_interval, await rows(history_url)) == (None, None, [])


async def test_gaps_are_the_intervals_that_are_missing_in_between(store: HistoryStore) -> None:
    batch = [Intake(SERIES, entry(number), sample(T + 300 * number)) for number in (9, 2, 3, 5)]
    await store.write(batch, NOW)
    (state,) = await store.states([SERIES])
    assert (state.first_interval, state.last_interval, state.missing(300)) == (T + 600, T + 2700, 4)
    await store.write([Intake(SERIES, entry(10), sample(T + 1200))], NOW)
    (state,) = await store.states([SERIES])
    assert state.missing(300) == 3


async def test_the_last_sample_comes_back_as_it_was(store: HistoryStore) -> None:
    last = sample(T + 300, 2.5, questionable=1, invalid=4)
    await store.write([Intake(SERIES, entry(1), sample(T)), Intake(SERIES, entry(2), last)], NOW)
    assert await store.last_samples(await store.states([SERIES, OTHER])) == {SERIES: last}


async def test_thousands_in_one_batch(store: HistoryStore, history_url: str) -> None:
    batch = [Intake(SERIES, entry(number), sample(T + 300 * number)) for number in range(3_000)]
    assert (await store.write(batch, NOW)).samples == 3_000
    assert (await store.write(batch, NOW)).doubles == 3_000
    assert len(await rows(history_url)) == 3_000
