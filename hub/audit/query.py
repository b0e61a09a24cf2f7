"""Reads the audit: filtered, oldest first."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Integer, RowMapping, and_, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.audit.entry import AuditEntry, AuditKind
from hub.audit.log import AUDIT_SCHEMA
from hub.audit.models import EntryRow
from hub.database import open_engine, reading


class AuditOutcome(enum.StrEnum):
    """What became of it: passed on to a box, refused, or, as the box answered, done or failed."""

    PASSED = "passed"
    REFUSED = "refused"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries are wanted; None: any. ``since`` and ``until`` in seconds since 1970 UTC.

    ``reference``: named itself, or something below it.
    """

    heat_pump: str | None = None
    provider: str | None = None
    kind: AuditKind | None = None
    since: float | None = None
    until: float | None = None
    reference: str | None = None
    service: str | None = None
    actor: str | None = None
    outcome: AuditOutcome | None = None


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry, its place in the whole audit (``id``) and in its chain."""

    id: int
    chain: str
    seq: int
    entry: AuditEntry


class AuditReader:
    """Reads beside whoever writes. Make it with ``open``, end it with ``close``."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._reading = reading(engine)

    @classmethod
    async def open(cls, url: str) -> AuditReader:
        """Raises SchemaError if the database is missing or its schema is not this program's."""
        engine = open_engine(url)
        try:
            await AUDIT_SCHEMA.check(engine)
        except BaseException:
            await engine.dispose()
            raise
        return cls(engine)

    async def close(self) -> None:
        """Close the database."""
        await self._engine.dispose()

    async def newest(self, wanted: AuditFilter, limit: int) -> list[StoredEntry]:
        """The last ``limit`` entries wanted, oldest first."""
        found = await self._fetch(_select(wanted).order_by(EntryRow.id.desc()).limit(limit))
        return found[::-1]

    async def after(self, wanted: AuditFilter, id_: int, limit: int) -> list[StoredEntry]:
        """The first ``limit`` entries wanted that were written after the one with ``id_``, oldest first."""
        return await self._fetch(_select(wanted).where(EntryRow.id > id_).order_by(EntryRow.id).limit(limit))

    async def of_heat_pump(
        self, heat_pump: str, start: float, end: float | None, limit: int
    ) -> list[StoredEntry]:
        """The last ``limit`` entries of a heat pump from ``start`` until before ``end`` (None: now), oldest
        first.
        """
        question = _select(AuditFilter(heat_pump=heat_pump, since=start))
        if end is not None:
            question = question.where(EntryRow.at < end)
        return (await self._fetch(question.order_by(EntryRow.id.desc()).limit(limit)))[::-1]

    async def _fetch(self, question: Any) -> list[StoredEntry]:
        async with self._reading.connect() as connection:
            rows = (await connection.execute(question)).mappings().all()
        return [_stored(row) for row in rows]


def _select(wanted: AuditFilter) -> Any:
    question = select(EntryRow.__table__)
    for column, value in (
        (EntryRow.heat_pump, wanted.heat_pump),
        (EntryRow.provider, wanted.provider),
        (EntryRow.kind, wanted.kind.value if wanted.kind else None),
        (EntryRow.service, wanted.service),
        (EntryRow.actor, wanted.actor),
    ):
        if value is not None:
            question = question.where(column == value)
    if wanted.since is not None:
        question = question.where(EntryRow.at >= wanted.since)
    if wanted.until is not None:
        question = question.where(EntryRow.at < wanted.until)
    if wanted.reference is not None:
        question = question.where(_names(wanted.reference))
    return question if wanted.outcome is None else question.where(_came_to(wanted.outcome))


_AFTER_A_NAME = " ./["
"""What may follow the name of an object in a list of references."""


def _names(reference: str) -> ColumnElement[bool]:
    listed = " " + EntryRow.references + " "
    return or_(*(func.instr(listed, f" {reference}{end}") > 0 for end in _AFTER_A_NAME))


def _came_to(outcome: AuditOutcome) -> ColumnElement[bool]:
    """By what ``hub/sayings.py`` makes of an answer."""
    if outcome is AuditOutcome.PASSED:
        return EntryRow.kind == AuditKind.REQUEST.value
    if outcome is AuditOutcome.REFUSED:
        return EntryRow.kind == AuditKind.REFUSAL.value
    detail = EntryRow.detail
    deleted = cast(detail, Integer) == cast(func.substr(detail, func.instr(detail, " of ") + 4), Integer)
    done = or_(
        func.replace(detail, "done, ", "") == "done",
        detail.like("done; %"),
        detail.like("%: done"),
        and_(detail.like("% of % deleted"), deleted),
    )
    return and_(EntryRow.kind == AuditKind.RESULT.value, done if outcome is AuditOutcome.DONE else ~done)


def _stored(row: RowMapping) -> StoredEntry:
    entry = AuditEntry(
        at=row["at"],
        kind=AuditKind(row["kind"]),
        provider=row["provider"],
        provider_jid=row["provider_jid"],
        heat_pump=row["heat_pump"],
        box=row["box"],
        stanza_id=row["stanza_id"],
        service=row["service"],
        references=tuple(row["references"].split()),
        detail=row["detail"],
        actor=row["actor"],
    )
    return StoredEntry(row["id"], row["chain"], row["seq"], entry)
