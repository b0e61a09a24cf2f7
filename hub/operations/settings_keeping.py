"""Settings are read from boxes and written back: link, registry and audit around ``SettingsRounds``."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from hub.addresses import OPERATIONS
from hub.audit import AuditEntry, AuditError, AuditKind, AuditLog
from hub.operations.asking_settings import Written, read_settings, write_settings
from hub.operations.link import OperationsLink
from hub.operations.rounds import Begin, SettingsRounds, Work
from hub.registry import Registry, current_revision, presence_revision
from hub.registry.settings_work import (
    SettingsRead,
    SettingsTask,
    SettingsWritten,
    keep_settings,
    last_written,
    settings_news,
    settings_restored,
    settings_to_restore,
)
from iec61850_model.client.errors import ClientError
from iec61850_model.client.exchange import Exchange

log = structlog.get_logger()

LOOK = 1.0
"""Seconds between two looks at the registry, and two writings: what was read in between is one
transaction."""
MAX_ASKING = 32
"""Boxes that are asked at one time; more wait for their turn."""
MAX_UNWRITTEN = 2_000
"""What was read and is not in the registry yet; while it is so much, nothing is read."""


@dataclass(slots=True)
class SettingsCounts:
    """What happened since the start, by what it was: read, not read, restored, not restored."""

    done: Counter[str] = field(default_factory=Counter)


class SettingsKeeping:
    """``pace``: boxes begun with a second."""

    def __init__(self, registry: Registry, audit: AuditLog, link: OperationsLink, pace: int) -> None:
        self._registry = registry
        self._audit = audit
        self._link = link
        self._pace = pace
        self._rounds = SettingsRounds()
        self._revision = self._presence = self._written = self._version = 0
        self._read: list[SettingsRead] = []
        self._asking: set[asyncio.Task[None]] = set()
        self.counts = SettingsCounts()

    async def run(self) -> None:
        """Look, begin and write until cancelled."""
        failing = False
        try:
            while True:
                try:
                    await self._look()
                    await self._write()
                    failing = False
                except SQLAlchemyError as failed:
                    if not failing:
                        log.error("settings cannot be kept", reason=str(getattr(failed, "orig", failed)))
                    failing = True
                if self._link.up and not failing and len(self._read) < MAX_UNWRITTEN:
                    self._begin(time.time())
                await asyncio.sleep(LOOK)
        finally:
            for task in self._asking:
                task.cancel()

    # --- with the registry --------------------------------------------------------------------------

    async def _look(self) -> None:
        version = self._registry.version()
        if version and version == self._version:
            return
        reached, news = await self._registry.read(_news, self._revision, self._presence, self._written)
        self._revision, self._presence, self._written = reached
        self._version = version
        for task in news:
            self._rounds.told(task)

    async def _write(self) -> None:
        read, self._read = self._read, []
        if not read:
            return
        try:
            await self._registry.run(keep_settings, read)
        except BaseException:
            self._read = read + self._read
            raise

    # --- with the boxes -----------------------------------------------------------------------------

    def _begin(self, now: float) -> None:
        room = min(MAX_ASKING - len(self._asking), max(1, round(self._pace * LOOK)))
        for begun in self._rounds.due(now, room):
            work = self._restore(begun) if begun.work is Work.RESTORE else self._ask(begun)
            task = asyncio.create_task(work)
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    async def _ask(self, begun: Begin) -> None:
        task, asked_at = begun.task, time.time()
        try:
            values = await read_settings(self._exchange(), self._peer(task))
        except ClientError as failed:
            self.counts.done["not read"] += 1
            log.debug("settings are not read", heat_pump=task.heat_pump, reason=str(failed))
            self._rounds.read(begun, None, time.time())
            return
        if self._rounds.read(begun, asked_at, time.time()):
            self.counts.done["read"] += 1
            self._read.append(SettingsRead(task.heat_pump, asked_at, task.written, values))

    async def _restore(self, begun: Begin) -> None:
        task, done, refused = begun.task, False, False
        try:
            kept = await self._registry.read(settings_to_restore, task.heat_pump)
            written = await write_settings(self._exchange(), self._peer(task), kept)
            refused = written.refused
            done = not written.unanswered and self._rounds.is_last(begun, refused=refused)
            await self._tell(task, written, done)
        except (SQLAlchemyError, AuditError) as failed:
            log.error("settings cannot be restored", heat_pump=task.heat_pump, reason=str(failed))
            done = False
        self._rounds.restored(begun, done=done, refused=refused, now=time.time())

    async def _tell(self, task: SettingsTask, written: Written, done: bool) -> None:
        what = "settings restored" if done else "settings are not restored yet"
        self.counts.done["restored" if done else "not restored"] += 1
        log.info(what, heat_pump=task.heat_pump, trouble=written.unanswered or None)
        # What was written is not tried again, so it is told now; what was refused, when it is given up.
        told = {name: why for name, why in written.outcomes.items() if done or not why}
        if told:
            await self._audit.append(_entry(task, told))
        assert task.restore is not None
        outcome = SettingsWritten(task.restore, written.outcomes, written.unanswered, done)
        await self._registry.run(settings_restored, task.heat_pump, outcome, now=time.time())

    def _exchange(self) -> Exchange:
        return Exchange(self._link.speaking_for())

    def _peer(self, task: SettingsTask) -> str:
        return self._link.addresses.heat_pump(task.heat_pump)


def _news(
    session: Session, revision: int, presence: int, written: int
) -> tuple[tuple[int, int, int], list[SettingsTask]]:
    news = settings_news(session, revision, presence, written)
    return (current_revision(session), presence_revision(session), last_written(session)), news


def _entry(task: SettingsTask, outcomes: Mapping[str, str]) -> AuditEntry:
    """The values stand where they were written; here is what came of it."""
    told = [f"{name}: {why}" if why else name for name, why in outcomes.items()]
    return AuditEntry(
        at=time.time(), kind=AuditKind.OPERATOR, heat_pump=task.heat_pump, service="settings restored",
        detail="; ".join(told), actor=OPERATIONS,
    )  # fmt: skip
