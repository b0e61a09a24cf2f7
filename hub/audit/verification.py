"""Recomputes every hash chain of the audit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, select

from hub.audit.checkpoint import PRUNE, Checkpoint
from hub.audit.entry import COLUMNS, FIRST_PREVIOUS, OPERATOR_CHAIN, row_hash
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
    """The end of a chain. Noted elsewhere, it shows later that no row at the end was taken away.

    ``first`` and ``since`` tell from which row and which time on (seconds since 1970 UTC) the chain could be
    checked: what lay before was removed by retention.
    """

    chain: str
    seq: int
    hash: str
    first: int
    since: float


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found wrong, in at most MAX_FINDINGS findings, and where each chain ends."""

    findings: tuple[Finding, ...]
    heads: tuple[Head, ...]


@dataclass(slots=True)
class _Chain:
    first: int
    before_first: str
    since: float
    seq: int
    hash: str


class ChainChecker:
    """Takes the rows of all chains, each chain in the order of ``seq``. Does no I/O."""

    def __init__(self) -> None:
        self._chains: dict[str, _Chain] = {}
        self._checkpoints: dict[str, Checkpoint] = {}
        self._findings: list[Finding] = []

    def take(self, row: Mapping[str, Any]) -> None:
        """Check the next row, with all columns of the table."""
        chain = self._chains.get(row["chain"])
        if chain is None:
            start = _Chain(row["seq"], row["previous_hash"], row["at"], row["seq"] - 1, row["previous_hash"])
            chain = self._chains[row["chain"]] = start
        for problem in self._problems(row, chain):
            self._find(row["chain"], row["seq"], problem)
        chain.seq, chain.hash = row["seq"], row["hash"]
        if row["chain"] == OPERATOR_CHAIN and row["service"] == PRUNE:
            checkpoint = Checkpoint.read(row["references"], row["detail"])
            if checkpoint is not None:
                self._checkpoints[checkpoint.chain] = checkpoint

    def result(self) -> Verification:
        """When all rows were taken: does each chain begin where it did, or where retention left it?"""
        for name, chain in sorted(self._chains.items()):
            kept = self._checkpoints.get(name, Checkpoint(name, 0, FIRST_PREVIOUS))
            if chain.first > kept.seq + 1:
                self._find(name, chain.first, f"rows {kept.seq + 1} to {chain.first - 1} are missing")
            elif chain.first <= kept.seq:
                self._find(name, chain.first, f"is there, though all up to {kept.seq} were removed")
            elif chain.before_first != kept.hash:
                self._find(name, chain.first, "does not follow from the row before it")
        for name, gone in sorted(self._checkpoints.items()):
            if name not in self._chains:
                self._find(name, gone.seq + 1, "and all after it are missing")
        heads = (
            Head(name, chain.seq, chain.hash, chain.first, chain.since)
            for name, chain in sorted(self._chains.items())
        )
        return Verification(tuple(self._findings), tuple(heads))

    def _find(self, chain: str, seq: int, problem: str) -> None:
        if len(self._findings) < MAX_FINDINGS:
            self._findings.append(Finding(chain, seq, problem))

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
    return checker.result()


def _take(checker: ChainChecker, row: RowMapping) -> None:
    checker.take({str(name): value for name, value in row.items()})
