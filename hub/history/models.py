"""The history's tables: measurements under pseudonymous series ids, and no heat pump's name anywhere.

Which heat pump a series belongs to is in the registry alone. Times are whole seconds since 1970 UTC.
"""

from __future__ import annotations

from sqlalchemy import REAL, BigInteger, Column, Float, LargeBinary, MetaData, Table

from hub.history.quantities import QUANTITIES

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

SAMPLE = Table(
    "sample",
    METADATA,
    Column("series", BigInteger, primary_key=True, autoincrement=False),
    Column("interval", BigInteger, primary_key=True, autoincrement=False),
    Column("invalid", BigInteger, nullable=False),
    Column("questionable", BigInteger, nullable=False),
    *(Column(one.column, BigInteger if one.whole else REAL) for one in QUANTITIES),
    sqlite_with_rowid=False,
)
"""One row for each series and 5 minutes; ``interval`` is their end.

A quantity is NULL if it was not reported or its quality is invalid: missing is not zero. Bit n of ``invalid``
and ``questionable`` (Quantity.bit) is its validity (7-3, 6.2.1); a value that is NULL without its bit in
``invalid`` was not reported.
"""

SERIES = Table(
    "series",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("created", Float(53), nullable=False),
)
"""A series of measurements; its id is random."""

STATE = Table(
    "series_state",
    METADATA,
    Column("series", BigInteger, primary_key=True, autoincrement=False),
    Column("last_entry", LargeBinary(8)),
    Column("first_interval", BigInteger),
    Column("last_interval", BigInteger),
    Column("stored_at", Float(53)),
    *(
        Column(name, BigInteger, nullable=False, server_default="0")
        for name in (
            "samples",
            "doubles",
            "overflows",
            "misdated",
            "good",
            "questionable",
            "invalid",
        )
    ),
)
"""How far a series is. ``last_entry``: EntryID of the last report taken, written with its sample in one
transaction. ``samples`` are rows stored, ``doubles`` rows refused because their interval was there,
``overflows`` reports that said BufOvfl, ``misdated`` reports without a believable time; the last three count
values by their validity.
"""
