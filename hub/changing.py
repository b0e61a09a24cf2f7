"""A change of the registry, audited before it is stored and in force when it is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy.orm import Session

from hub.audit import AuditEntry, AuditLog
from hub.database import to_its_end
from hub.registry import Registry, current_revision, wait_until_taken

P = ParamSpec("P")
T = TypeVar("T")

TAKEN_TIMEOUT = 10.0
"""Seconds a command waits for the routers: longer than a dead one counts as alive (ROUTER_STALE_AFTER)."""


class NotTaken(Exception):
    """The change is stored, but a router may still decide by what was before."""


async def make_change(
    registry: Registry,
    audit: AuditLog,
    fn: Callable[Concatenate[Session, P], T],
    describe: Callable[[T], AuditEntry],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Change the registry by ``fn(session, ...)``, audit it as ``describe`` says, and wait for the routers.

    The audit entry is on the disk before the change is: a change nobody could account for is not made. Raises
    NotTaken if a router has not confirmed the change in time, and else what ``fn``, audit and database raise.
    """

    async def changed() -> tuple[T, int]:
        async with registry.transaction() as session:
            result = await session.run_sync(fn, *args, **kwargs)
            await session.flush()
            await audit.append(describe(result))
            return result, await session.run_sync(current_revision)

    result, revision = await to_its_end(changed())
    laggards = await wait_until_taken(registry, revision, TAKEN_TIMEOUT)
    if laggards:
        raise NotTaken(
            f"the change is stored, but router {', '.join(laggards)} has not confirmed it within"
            f" {TAKEN_TIMEOUT:.0f} s and may still decide by what was before: look at its log, or stop it"
        )
    return result
