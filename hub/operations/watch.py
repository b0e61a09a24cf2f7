"""What the registry tells operations, and what operations writes into it: audited before it is stored."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from hub.addresses import OPERATIONS
from hub.audit import AuditEntry, AuditError, AuditKind, AuditLog
from hub.database import to_its_end
from hub.garbage import long_lived
from hub.registry import (
    ExpiredGrant,
    OpenSteering,
    Registry,
    SteeringState,
    anything_expired,
    current_revision,
    expire_steering,
    note_trouble,
    open_steering,
    presence_revision,
    presence_since,
    steering_ended,
    steering_ready,
)
from hub.roster import LinkState

log = structlog.get_logger()

POLL = 0.2
"""Seconds between two looks whether the registry was written, and two writings."""
MAX_WRITTEN = 1_000
"""What is finished and written at one time: one commit of the audit."""
EXPIRY = 1.0
"""Seconds between two looks for grants that have ended by themselves."""
TOLD_AT_ONCE = 500
"""Jobs and link states told before other tasks get a turn: some milliseconds of work."""


@dataclass(frozen=True, slots=True)
class News:
    """Jobs that are new or have changed, and link states that have."""

    jobs: tuple[OpenSteering, ...]
    states: tuple[tuple[str, LinkState], ...]


class SteeringWatch:
    """``tell(news)`` is called when there are some. What is finished is kept until it is written."""

    def __init__(self, registry: Registry, audit: AuditLog, tell: Callable[[News], None]) -> None:
        self._registry = registry
        self._audit = audit
        self._tell = tell
        self._revision = self._presence_revision = self._version = 0
        self._expiry = 0.0
        self._expired: set[int] = set()
        """Grants that the audit knows to have expired, while what they steer is being marked."""
        self._finished: dict[int, tuple[OpenSteering, AuditEntry]] = {}
        self._audited: set[int] = set()
        self._troubles: dict[int, str] = {}
        self.failing = ""
        """Why registry or audit cannot be used now; empty: they can."""

    def __len__(self) -> int:
        return len(self._finished)

    def finished(self, job: OpenSteering, entry: AuditEntry) -> None:
        """Write that a job is done."""
        self._finished[job.key] = job, entry
        self._audited.discard(job.key)

    def trouble(self, job: OpenSteering, reason: str) -> None:
        """Write why a job is not done yet, if that is news."""
        if job.trouble != reason:
            self._troubles[job.key] = reason

    async def begin(self) -> None:
        """Read all there is to do; raises SQLAlchemyError, AuditError."""
        await self._expire(time.time())
        await self._look()

    async def run(self) -> None:
        """Watch and write until cancelled."""
        while True:
            await asyncio.sleep(POLL)
            try:
                await self._write()
                await self._expire(time.time())
                await self._look()
                self.failing = ""
            except (SQLAlchemyError, AuditError) as failed:
                reason = str(getattr(failed, "orig", failed))
                if not self.failing:
                    log.error("registry or audit cannot be used", reason=reason)
                self.failing = reason

    async def finish(self) -> None:
        """Write what is done; what cannot be written is done once more after the next start."""
        try:
            await self._write()
        except (SQLAlchemyError, AuditError) as failed:
            log.warning("what was done last is not written", reason=str(failed))

    # --- in -----------------------------------------------------------------------------------------

    async def _look(self) -> None:
        version = self._registry.version()
        if version and version == self._version:
            return
        revision, presence, news = await self._registry.read(_news, self._revision, self._presence_revision)
        self._revision, self._presence_revision, self._version = revision, presence, version
        for part in _in_parts(news):
            with long_lived() if len(part.jobs) == TOLD_AT_ONCE else nullcontext():
                self._tell(part)
            await asyncio.sleep(0)  # others have their turn between the parts

    async def _expire(self, now: float) -> None:
        """A part of what has ended in each round, however much ends at one instant: routers and commands wait
        for their turn at the registry meanwhile. What a provider may do has ended already, by the time.
        """
        if now < self._expiry:
            return
        if not await self._registry.read(anything_expired, now):
            self._expiry = now + EXPIRY
            self._expired.clear()
            return
        fresh = await to_its_end(self._expire_part(now))
        self._expired.update(fresh)
        if fresh:
            log.info("grants have expired", grants=fresh)

    async def _expire_part(self, now: float) -> list[int]:
        """Returns the keys of the grants."""
        async with self._registry.transaction() as session:
            found = await session.run_sync(expire_steering, now)
            fresh = [one for one in found if one.grant not in self._expired]
            for failed in await self._audit.append_all([_expired(one, now) for one in fresh]):
                if failed is not None:
                    raise failed
        return [one.grant for one in fresh]

    # --- out ----------------------------------------------------------------------------------------

    async def _write(self) -> None:
        done = dict(self._finished)
        fresh = [key for key in done if key not in self._audited][:MAX_WRITTEN]
        failures = await self._audit.append_all([done[key][1] for key in fresh])
        self._audited.update(key for key, failed in zip(fresh, failures, strict=True) if failed is None)
        for failed in failures:
            if failed is not None:
                raise failed
        done = {key: what for key, what in done.items() if key in self._audited}
        ready = [key for key, (job, _) in done.items() if job.state is SteeringState.PENDING]
        ended = [key for key, (job, _) in done.items() if job.state is not SteeringState.PENDING]
        troubles = {key: reason for key, reason in self._troubles.items() if key not in done}
        if ready or ended or troubles:
            await self._registry.run(_store, ready, ended, troubles)
        for key, what in done.items():
            if self._finished.get(key) == what:
                del self._finished[key]
                self._audited.discard(key)
        for key, reason in troubles.items():
            if self._troubles.get(key) == reason:
                del self._troubles[key]


def _in_parts(news: News) -> Iterator[News]:
    """States first: whether a box is there decides what becomes of its jobs."""
    for at in range(0, len(news.states), TOLD_AT_ONCE):
        yield News((), news.states[at : at + TOLD_AT_ONCE])
    for at in range(0, len(news.jobs), TOLD_AT_ONCE):
        yield News(news.jobs[at : at + TOLD_AT_ONCE], ())


def _expired(one: ExpiredGrant, now: float) -> AuditEntry:
    return AuditEntry(
        at=now, kind=AuditKind.OPERATOR, provider=one.provider, heat_pump=one.heat_pump,
        service="grant expired", detail=f"grant {one.grant}", actor=OPERATIONS,
    )  # fmt: skip


def _news(session: Session, revision: int, presence: int) -> tuple[int, int, News]:
    reached = current_revision(session)
    jobs = open_steering(session, revision) if reached != revision else []
    states: tuple[tuple[str, LinkState], ...] = ()
    heard = presence_revision(session)
    if heard != presence:
        states = tuple((one.heat_pump, one.state) for one in presence_since(session, presence).states)
    return reached, heard, News(tuple(jobs), states)


def _store(session: Session, ready: list[int], ended: list[int], troubles: dict[int, str]) -> None:
    if ready:
        steering_ready(session, ready)
    if ended:
        steering_ended(session, ended)
    for key, reason in troubles.items():
        note_trouble(session, key, reason)
