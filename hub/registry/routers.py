"""The revision counter, and which router has taken which revision."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from hub.registry.models import RevisionRow, RouterRow
from hub.registry.store import Registry

ROUTER_STALE_AFTER = 5.0
"""Seconds after its last heartbeat from which no command waits for a router: it is taken to be dead. So a
router that has not managed to write a heartbeat for this long must not let anything through."""
COLLECTOR = "history:collector"
"""The collector acknowledges revisions as a router does, under this name; no router's has a colon."""
TAKEN_POLL = 0.02
"""Seconds between two looks at what the routers have taken: they themselves look every 50 ms."""


def current_revision(session: Session) -> int:
    """The revision of the last change."""
    return session.execute(select(RevisionRow.value)).scalar_one()


def next_revision(session: Session) -> int:
    """Count up and return the new revision; every change calls it once and stamps its rows."""
    return session.execute(
        update(RevisionRow).values(value=RevisionRow.value + 1).returning(RevisionRow.value)
    ).scalar_one()


def enter_router(session: Session, name: str, now: float) -> bool:
    """A router starts and has taken nothing yet: from now on commands wait for it.

    Returns whether one of this name had not left: it was killed, and what was in its hands is lost.
    """
    killed = session.get(RouterRow, name) is not None
    session.merge(RouterRow(name=name, revision=0, heartbeat=now, listening=False))
    return killed


def acknowledge(session: Session, name: str, revision: int, now: float) -> None:
    """A router judges by ``revision`` and is alive at ``now``."""
    session.merge(RouterRow(name=name, revision=revision, heartbeat=now))


def set_listening(session: Session, name: str, listening: bool) -> None:
    """A router's link is up and it takes part in presence, or no longer."""
    session.execute(update(RouterRow).where(RouterRow.name == name).values(listening=listening))


def listening_routers(session: Session, now: float) -> frozenset[str]:
    """The live routers that take part in presence."""
    rows = session.scalars(
        select(RouterRow.name).where(
            RouterRow.listening.is_(True), RouterRow.heartbeat > now - ROUTER_STALE_AFTER
        )
    )
    return frozenset(rows)


def last_listened(session: Session) -> float:
    """When a router that takes part in presence was last alive, as far as it is known; 0 if none does."""
    heard = select(func.max(RouterRow.heartbeat)).where(RouterRow.listening.is_(True))
    return session.scalar(heard) or 0.0


def leave_router(session: Session, name: str) -> None:
    """A router has stopped: no command waits for it."""
    session.execute(delete(RouterRow).where(RouterRow.name == name))


def live_routers(session: Session, now: float) -> dict[str, int]:
    """The routers with a fresh heartbeat and the revision each has taken."""
    rows = session.execute(
        select(RouterRow.name, RouterRow.revision).where(RouterRow.heartbeat > now - ROUTER_STALE_AFTER)
    )
    return dict(rows.all())


async def wait_until_taken(
    registry: Registry, revision: int, timeout: float, clock: Callable[[], float] = time.time
) -> tuple[str, ...]:
    """Wait until every live router has taken ``revision``; who has not after ``timeout`` seconds is returned.

    ``clock`` gives seconds since 1970 UTC, like the routers' heartbeats.
    """
    end = asyncio.get_running_loop().time() + timeout
    while True:
        taken = await registry.read(live_routers, clock())
        laggards = tuple(sorted(name for name, reached in taken.items() if reached < revision))
        if not laggards or asyncio.get_running_loop().time() >= end:
            return laggards
        await asyncio.sleep(TAKEN_POLL)
