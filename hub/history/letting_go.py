"""Measurements that may no longer be a heat pump's: made anonymous, or erased.

Made anonymous, a day's samples get a random series of their own, which is written down nowhere; the day is
taken from their time and the month and the time of day are left; and counter readings go, for they would tie
one day to the next and all of them to the meter. So nothing in the history joins two days of a house.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.history.models import SAMPLE, SERIES, STATE
from hub.history.quantities import QUANTITIES
from hub.history.store import HistoryStore
from hub.registry.consents import SERIES_BITS, Consent

DAY = 86_400
DAYS_AT_ONCE = 31
"""Days of one transaction: some 9,000 samples, so that the collector's turn comes soon."""
EVER = 1 << 62
"""Later than any interval."""
_AVERAGES = sum(1 << one.bit for one in QUANTITIES if not one.whole)
_READINGS = tuple(one.column for one in QUANTITIES if one.whole)


@dataclass(frozen=True, slots=True)
class Span:
    """The samples whose interval ends from ``first`` to ``last``, seconds since 1970 UTC, both within."""

    first: int
    last: int


def touched(begins: float, ends: float | None, period: int) -> Span:
    """The samples whose ``period`` seconds lie from ``begins`` to ``ends`` with any part of them."""
    last = EVER if ends is None else math.ceil(ends + period) - 1
    return Span(math.floor(begins) + 1, last)


def without(whole: Span, kept: Iterable[Span]) -> Iterator[Span]:
    """What of ``whole`` is in none of ``kept``."""
    first = whole.first
    for one in sorted(kept, key=lambda span: span.first):
        if first < one.first:
            yield Span(first, min(whole.last, one.first - 1))
        first = max(first, one.last + 1)
        if first > whole.last:
            return
    if first <= whole.last:
        yield Span(first, whole.last)


def no_longer_agreed(consents: Iterable[Consent], period: int, until: float) -> list[Span]:
    """The samples that no consent speaks for which was in force at ``until`` or later."""
    lasting = [one for one in consents if one.ends is None or one.ends > until]
    return list(without(Span(0, EVER), [touched(one.begins, one.ends, period) for one in lasting]))


async def count(store: HistoryStore, series: int, spans: Iterable[Span]) -> int:
    """How many samples of a series lie in ``spans``."""
    found = 0
    async with store.looking() as connection:
        for span in spans:
            found += (
                await connection.execute(select(func.count()).select_from(SAMPLE).where(*_in(series, span)))
            ).scalar_one()
    return found


async def let_go(store: HistoryStore, series: int, spans: Iterable[Span], *, erase: bool = False) -> int:
    """Make the samples of a series in ``spans`` anonymous, or erase them; returns how many.

    What was cut off in the middle goes on when it is called again.
    """
    gone = 0
    for span in spans:
        while True:
            async with store.transaction() as connection:
                days = await _days(connection, series, span)
                if not days:
                    break
                done = 0
                for day in days:
                    done += await _let_go_day(connection, series, span, day, erase)
                await _tell_state(connection, series, done)
            gone += done
    return gone


async def drop_series(store: HistoryStore, series: int) -> None:
    """Forget how far a series was that has no samples any more and gets no new ones."""
    async with store.transaction() as connection:
        await connection.execute(delete(STATE).where(STATE.c.series == series))
        await connection.execute(delete(SERIES).where(SERIES.c.id == series))


async def samples_of(store: HistoryStore, series: int, span: Span) -> list[list[Any]]:
    """Every sample: interval, validity masks, and the quantities in the order of QUANTITIES."""
    names = ("interval", "invalid", "questionable", *(one.column for one in QUANTITIES))
    question = select(*(SAMPLE.c[name] for name in names)).where(*_in(series, span))
    async with store.looking() as connection:
        return [list(row) for row in await connection.execute(question.order_by(SAMPLE.c.interval))]


async def _days(connection: AsyncConnection, series: int, span: Span) -> list[int]:
    day = SAMPLE.c.interval // DAY
    rows = await connection.execute(
        select(day).where(*_in(series, span)).distinct().order_by(day).limit(DAYS_AT_ONCE)
    )
    return [int(row[0]) for row in rows]


async def _let_go_day(connection: AsyncConnection, series: int, span: Span, day: int, erase: bool) -> int:
    part = Span(max(span.first, day * DAY), min(span.last, day * DAY + DAY - 1))
    if erase:
        return (await connection.execute(delete(SAMPLE).where(*_in(series, part)))).rowcount
    moved = await connection.execute(
        update(SAMPLE)
        .where(*_in(series, part))
        .values(
            series=secrets.randbits(SERIES_BITS),
            interval=SAMPLE.c.interval + (_month(day) - day * DAY),
            invalid=SAMPLE.c.invalid.bitwise_and(_AVERAGES),
            questionable=SAMPLE.c.questionable.bitwise_and(_AVERAGES),
            **dict.fromkeys(_READINGS),
        )
    )
    return moved.rowcount


def _month(day: int) -> int:
    """The first moment of the month of a day since 1970."""
    at = datetime.fromtimestamp(day * DAY, UTC)
    return int(at.replace(day=1).timestamp())


async def _tell_state(connection: AsyncConnection, series: int, gone: int) -> None:
    left = select(func.min(SAMPLE.c.interval)).where(SAMPLE.c.series == series).scalar_subquery()
    newest = select(func.max(SAMPLE.c.interval)).where(SAMPLE.c.series == series).scalar_subquery()
    await connection.execute(
        update(STATE)
        .where(STATE.c.series == series)
        .values(samples=STATE.c.samples - gone, first_interval=left, last_interval=newest)
    )


def _in(series: int, span: Span) -> tuple[Any, ...]:
    return SAMPLE.c.series == series, SAMPLE.c.interval >= span.first, SAMPLE.c.interval <= span.last
