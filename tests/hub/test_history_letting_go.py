"""Measurements whose consent is over: which they are, and that nothing joins them afterwards."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from hub.history.letting_go import EVER, Span, count, let_go, no_longer_agreed, touched, without
from hub.history.models import SAMPLE
from hub.history.quantities import QUANTITIES
from hub.history.reading import Sample
from hub.history.store import HistoryStore, Intake
from hub.registry.consents import Consent

PERIOD = 300
DAY = 86_400
NOON = int(datetime(2026, 11, 17, 12, tzinfo=UTC).timestamp())


def test_a_sample_stays_if_any_part_of_its_time_is_agreed_to() -> None:
    assert touched(1_000, 2_000, 300) == Span(1_001, 2_299)
    assert touched(1_000, None, 300) == Span(1_001, EVER)
    assert touched(999.5, 2_000.5, 300) == Span(1_000, 2_300)


def test_what_is_left_without_the_kept() -> None:
    whole = Span(0, 100)
    assert list(without(whole, [])) == [whole]
    assert list(without(whole, [Span(40, 60), Span(10, 20)])) == [Span(0, 9), Span(21, 39), Span(61, 100)]
    assert list(without(whole, [Span(0, 50), Span(30, 200)])) == []


def test_an_ended_consent_speaks_for_its_samples_until_it_has_been_over_for_long_enough() -> None:
    earlier, now = Consent(1_000, 2_000), Consent(5_000, None)
    assert no_longer_agreed([earlier, now], 300, 1_999) == [Span(0, 1_000), Span(2_300, 5_000)]
    assert no_longer_agreed([earlier, now], 300, 2_000) == [Span(0, 5_000)]
    assert no_longer_agreed([earlier], 300, 2_000) == [Span(0, EVER)]


async def filled(url: str) -> HistoryStore:
    """Series 7 with three samples at noon of 17 November, three a day later and one of series 8."""
    store = await HistoryStore.open(url)
    await store.open_series([7, 8], 0.0)
    cells = tuple(float(one.bit) if not one.whole else 1_000 + one.bit for one in QUANTITIES)
    everything = (1 << len(QUANTITIES)) - 1
    batch = [
        Intake(series, bytes(8), Sample(start + number * PERIOD, 0, everything, cells))
        for series, start, samples in ((7, NOON, 3), (7, NOON + DAY, 3), (8, NOON, 1))
        for number in range(samples)
    ]
    await store.write(batch, 0.0)
    return store


async def rows(store: HistoryStore) -> list[Any]:
    async with store.transaction() as connection:
        return list(await connection.execute(select(SAMPLE).order_by(SAMPLE.c.series, SAMPLE.c.interval)))


async def test_days_are_torn_apart_and_lose_date_and_counters(history_url: str) -> None:
    store = await filled(history_url)
    assert await let_go(store, 7, [Span(0, EVER)]) == 6
    found = await rows(store)
    await store.close()
    gone = [row for row in found if row.series != 8]
    assert 7 not in {row.series for row in gone}
    assert len({row.series for row in gone}) == 2, "each day is a series of its own"
    first = int(datetime(2026, 11, 1, 12, tzinfo=UTC).timestamp())
    assert sorted(row.interval for row in gone) == sorted(2 * [first, first + PERIOD, first + 2 * PERIOD])
    for row in gone:
        assert row.outdoor_temperature == 10.0
        assert (row.electric_energy, row.questionable >> 17) == (None, 0)
    (other,) = [row for row in found if row.series == 8]
    assert (other.interval, other.electric_energy) == (NOON, 1_017)


async def test_only_what_is_named_goes_and_the_state_says_what_is_left(history_url: str) -> None:
    store = await filled(history_url)
    span = [Span(NOON + PERIOD, NOON + DAY)]
    assert await count(store, 7, span) == 3
    assert await let_go(store, 7, span) == 3
    assert await let_go(store, 7, span) == 0, "a second time there is nothing to do"
    (state,) = await store.states([7])
    await store.close()
    assert (state.samples, state.first_interval) == (3, NOON)
    assert state.last_interval == NOON + DAY + 2 * PERIOD


async def test_erased_is_gone(history_url: str) -> None:
    store = await filled(history_url)
    assert await let_go(store, 7, [Span(0, EVER)], erase=True) == 6
    assert [row.series for row in await rows(store)] == [8]
    (state,) = await store.states([7])
    await store.close()
    assert (state.samples, state.first_interval, state.last_interval) == (0, None, None)


@pytest.mark.parametrize("days", [40, 400])
async def test_more_days_than_one_transaction_takes(history_url: str, days: int) -> None:
    store = await filled(history_url)
    cells = tuple(None for _ in QUANTITIES)
    await store.write([Intake(7, bytes(8), Sample(NOON - n * DAY, 0, 0, cells)) for n in range(1, days)], 0.0)
    assert await let_go(store, 7, [Span(0, EVER)]) == days + 5
    found = await rows(store)
    await store.close()
    assert len({row.series for row in found}) == days + 2
