"""Recomputes every hash chain of the audit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, select

from hub.audit.entry import COLUMNS, FIRST_PREVIOUS, row_hash
from hub.audit.log import AUDIT_SCHEMA
from hub.audit.models import EntryRow
from hub.database import open_engine, reading

ROWS_AT_ONCE = 1_000
"""Rows fetched at once: the audit may hold millions."""
MAX_FINDINGS = 1_000
"""Findings reported: the first ones tell; a chain forged throughout would give one for each row."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with the row ``seq`` of a chain."""

    chain: str
    seq: int
    problem: str


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain. Noted elsewhere, it shows later that no row at the end was taken away."""

    chain: str
    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found wrong, in at most MAX_FINDINGS findings, and where each chain ends."""

    findings: tuple[Finding, ...]
    heads: tuple[Head, ...]


@dataclass(slots=True)
class _Chain:
    seq: int = 0
    hash: str = FIRST_PREVIOUS


class ChainChecker:
    """Takes the rows of all chains, each chain in the order of ``seq``. Does no I/O."""

    def __init__(self) -> None:
        self._chains: dict[str, _Chain] = {}
        self.findings: list[Finding] = []

    def take(self, row: Mapping[str, Any]) -> None:
        """Check the next row, with all columns of the table."""
        chain = self._chains.setdefault(row["chain"], _Chain())
        for problem in self._problems(row, chain):
            if len(self.findings) < MAX_FINDINGS:
                self.findings.append(Finding(row["chain"], row["seq"], problem))
        chain.seq, chain.hash = row["seq"], row["hash"]

    def heads(self) -> tuple[Head, ...]:
        """Where each chain taken so far ends."""
        return tuple(Head(name, chain.seq, chain.hash) for name, chain in sorted(self._chains.items()))

    @staticmethod
    def _problems(row: Mapping[str, Any], before: _Chain) -> Iterable[str]:
        if row["seq"] != before.seq + 1:
            yield f"rows {before.seq + 1} to {row['seq'] - 1} are missing"
        elif row["previous_hash"] != before.hash:
            yield "does not follow from the row before it"
        values = tuple([row[name] for name in COLUMNS])
        if row_hash(row["previous_hash"], row["chain"], row["seq"], values) != row["hash"]:
            yield "was changed after it was written"


async def verify(url: str) -> Verification:
    """Check every row of the audit database. Raises SchemaError if it is missing or not this program's."""
    engine = open_engine(url)
    checker = ChainChecker()
    try:
        await AUDIT_SCHEMA.check(engine)
        every = select(EntryRow.__table__).order_by(EntryRow.chain, EntryRow.seq)
        async with reading(engine).connect() as connection:
            rows = await connection.stream(every, execution_options={"yield_per": ROWS_AT_ONCE})
            async for row in rows.mappings():
                _take(checker, row)
    finally:
        await engine.dispose()
    return Verification(tuple(checker.findings), checker.heads())


def _take(checker: ChainChecker, row: RowMapping) -> None:
    checker.take({str(name): value for name, value in row.items()})
