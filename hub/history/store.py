"""The history's database: opened, written one batch in one transaction, asked how far each series is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, Float, LargeBinary, Row, Select, bindparam, case, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.database import open_engine, reading
from hub.history.models import SAMPLE, SERIES, STATE
from hub.history.quantities import QUANTITIES
from hub.history.reading import Cell, Sample
from hub.history.schema import HISTORY_SCHEMA

ROWS_AT_ONCE = 500
"""Series in one statement: SQLite and PostgreSQL take some 32,000 parameters."""
_FAR = 1 << 62
"""Later than any interval."""
_COLUMNS = tuple(one.column for one in QUANTITIES)


@dataclass(slots=True)
class Intake:
    """What one report brings to a series."""

    series: int
    entry: bytes
    sample: Sample | None
    overflow: bool = False
    misdated: bool = False


@dataclass(frozen=True, slots=True)
class SeriesState:
    """How far a series is; see ``models.STATE``."""

    series: int
    last_entry: bytes | None
    first_interval: int | None
    last_interval: int | None
    stored_at: float | None
    samples: int
    doubles: int
    overflows: int
    misdated: int
    good: int
    questionable: int
    invalid: int

    def missing(self, period: int) -> int:
        """Intervals of ``period`` seconds between the first and the last sample that have none."""
        if self.first_interval is None or self.last_interval is None:
            return 0
        return max(0, (self.last_interval - self.first_interval) // period + 1 - self.samples)


@dataclass(slots=True)
class Written:
    """What a batch did."""

    samples: int = 0
    doubles: int = 0


@dataclass(slots=True)
class _Tally:
    """What a batch adds to the state of one series."""

    entry: bytes = b""
    intervals: list[int] = field(default_factory=list)
    doubles: int = 0
    overflows: int = 0
    misdated: int = 0
    good: int = 0
    questionable: int = 0
    invalid: int = 0

    def row(self, series: int, at: float) -> dict[str, Any]:
        return {
            "of_series": series,
            "entry": self.entry,
            "first": min(self.intervals, default=None),
            "last": max(self.intervals, default=None),
            "at": at,
            "add_samples": len(self.intervals),
            **{f"add_{name}": getattr(self, name) for name in _COUNTS if name != "samples"},
        }


_COUNTS = ("samples", "doubles", "overflows", "misdated", "good", "questionable", "invalid")


class HistoryStore:
    """Make it with ``open``. What is written is in one transaction: all of it or nothing."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        inserting = sqlite.insert if engine.dialect.name == "sqlite" else postgresql.insert
        refused = inserting(SAMPLE).on_conflict_do_nothing()
        self._insert = refused.returning(SAMPLE.c.series, SAMPLE.c.interval)
        self._open_series = inserting(SERIES).on_conflict_do_nothing()
        self._open_state = inserting(STATE).on_conflict_do_nothing()

    @classmethod
    async def open(cls, url: str) -> HistoryStore:
        """Open the database.

        Raises SchemaError if it is missing or its schema is not this program's, DatabaseDown (one of them) if
        it cannot be reached now.
        """
        engine = open_engine(url)
        try:
            await HISTORY_SCHEMA.check(engine)
        except BaseException:
            await engine.dispose()
            raise
        return cls(engine)

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    async def open_series(self, series: Collection[int], now: float) -> dict[int, bytes | None]:
        """Make the series that are not there; the last EntryID of each."""
        found: dict[int, bytes | None] = {}
        async with self._engine.begin() as connection:
            for part in _parts(series):
                found |= await self._last_entries(connection, part)
                new = [one for one in part if one not in found]
                if new:
                    rows = [{"id": one, "created": now} for one in new]
                    await connection.execute(self._open_series, rows)
                    await connection.execute(self._open_state, [{"series": one} for one in new])
                    found |= dict.fromkeys(new)
        return found

    async def forget_entries(self, before: Mapping[int, float]) -> None:
        """Of these series what was stored before (seconds since 1970 UTC) is another box's: its EntryID says
        nothing of the present one, whose buffer may number its entries alike.
        """
        if before:
            rows = [{"of_series": series, "at": at} for series, at in before.items()]
            async with self._engine.begin() as connection:
                await connection.execute(_FORGET, rows)

    @staticmethod
    async def _last_entries(connection: AsyncConnection, series: list[int]) -> dict[int, bytes | None]:
        rows = await connection.execute(
            select(STATE.c.series, STATE.c.last_entry).where(STATE.c.series.in_(series))
        )
        return {row.series: row.last_entry for row in rows}

    async def write(self, batch: Sequence[Intake], now: float) -> Written:
        """Store samples and last EntryIDs in one transaction.

        A sample whose series and interval are there already is refused and counted. Raises SQLAlchemyError or
        OSError; then nothing was stored.
        """
        rows = [_row(one.series, one.sample) for one in batch if one.sample is not None]
        async with self._engine.begin() as connection:
            new: set[tuple[int, int]] = set()
            if rows:
                inserted = await connection.execute(self._insert, rows)
                new = {(row.series, row.interval) for row in inserted}
            written = Written(len(new), len(rows) - len(new))
            states = [tally.row(series, now) for series, tally in _tallies(batch, new).items()]
            await connection.execute(_UPDATE, states)
        return written

    def transaction(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """One transaction for what is done to samples later (``letting_go``)."""
        return self._engine.begin()

    def looking(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """One consistent state to read, beside the collector's writing."""
        return reading(self._engine).connect()

    async def states(self, series: Collection[int]) -> list[SeriesState]:
        """How far these series are; one that is not there is left out."""
        found: list[SeriesState] = []
        async with reading(self._engine).connect() as connection:
            for part in _parts(series):
                rows = await connection.execute(select(STATE).where(STATE.c.series.in_(part)))
                found += [SeriesState(*row) for row in rows]
        return found

    async def last_samples(self, states: Iterable[SeriesState]) -> dict[int, Sample]:
        """The newest sample of each series that has one."""
        found: dict[int, Sample] = {}
        async with reading(self._engine).connect() as connection:
            for state in states:
                if state.last_interval is None:
                    continue
                last = state.last_interval
                row = (await connection.execute(_within(state.series, last, last))).one_or_none()
                if row is not None:
                    found[state.series] = _sample(row)
        return found

    async def ends(self, series: int, first: int, last: int) -> tuple[int | None, Sample | None]:
        """The oldest interval and the newest sample whose interval ends from ``first`` to ``last``."""
        within = _within(series, first, last)
        async with reading(self._engine).connect() as connection:
            newest = (await connection.execute(within.order_by(_INTERVAL.desc()).limit(1))).one_or_none()
            if newest is None:
                return None, None
            oldest = await connection.execute(within.order_by(_INTERVAL).limit(1))
            return oldest.one().interval, _sample(newest)

    async def between(self, series: int, first: int, last: int, limit: int) -> list[Sample]:
        """The samples whose interval ends from ``first`` to ``last``, the oldest first, at most ``limit``."""
        wanted = _within(series, first, last).order_by(_INTERVAL).limit(limit)
        async with reading(self._engine).connect() as connection:
            return [_sample(row) for row in await connection.execute(wanted)]


_INTERVAL = SAMPLE.c.interval


def _within(series: int, first: int, last: int) -> Select[*tuple[Any, ...]]:
    columns = [SAMPLE.c[name] for name in ("interval", "invalid", "questionable", *_COLUMNS)]
    return select(*columns).where(SAMPLE.c.series == series, _INTERVAL.between(first, last))


def _sample(row: Row[*tuple[Any, ...]]) -> Sample:
    return Sample(row.interval, row.invalid, row.questionable, tuple(row[3:]))


def _row(series: int, sample: Sample) -> dict[str, Cell]:
    row = dict(zip(_COLUMNS, sample.cells, strict=True))
    row["series"] = series
    row["interval"] = sample.interval
    row["invalid"] = sample.invalid
    row["questionable"] = sample.questionable
    return row


def _tallies(batch: Iterable[Intake], new: set[tuple[int, int]]) -> dict[int, _Tally]:
    """``new``: (series, interval) that were stored; it is used up, for of two equal ones one was stored."""
    tallies: dict[int, _Tally] = {}
    for one in batch:
        tally = tallies.setdefault(one.series, _Tally())
        tally.entry = one.entry
        tally.overflows += one.overflow
        tally.misdated += one.misdated
        sample = one.sample
        if sample is None:
            continue
        key = (one.series, sample.interval)
        if key not in new:
            tally.doubles += 1
            continue
        new.discard(key)
        tally.intervals.append(sample.interval)
        tally.good += sample.good
        tally.questionable += sample.questionable.bit_count()
        tally.invalid += sample.invalid.bit_count()
    return tallies


def _parts(series: Collection[int]) -> Iterator[list[int]]:
    ordered = list(series)
    return (ordered[at : at + ROWS_AT_ONCE] for at in range(0, len(ordered), ROWS_AT_ONCE))


_FIRST, _LAST = bindparam("first", type_=BigInteger), bindparam("last", type_=BigInteger)
_FORGET = (
    update(STATE)
    .where(
        STATE.c.series == bindparam("of_series", type_=BigInteger),
        STATE.c.stored_at < bindparam("at", type_=Float(53)),
    )
    .values(last_entry=None)
)
_UPDATE = (
    update(STATE)
    .where(STATE.c.series == bindparam("of_series", type_=BigInteger))
    .values(
        last_entry=bindparam("entry", type_=LargeBinary(8)),
        stored_at=bindparam("at", type_=Float(53)),
        first_interval=case(
            (func.coalesce(STATE.c.first_interval, _FAR) > _FIRST, _FIRST), else_=STATE.c.first_interval
        ),
        last_interval=case(
            (func.coalesce(STATE.c.last_interval, 0) < _LAST, _LAST), else_=STATE.c.last_interval
        ),
        **{name: STATE.c[name] + bindparam(f"add_{name}", type_=BigInteger) for name in _COUNTS},
    )
)
