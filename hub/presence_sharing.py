"""What several routers of one hub know of presence together, through the registry (DESIGN section 3).

A router that is alone with its link asks everybody; one that joins others takes over what they know. When one
of several is lost, what was in its hands is lost too: then one of the others asks everybody again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from hub.presence import Learned, PresenceBoard
from hub.presence_effects import Effect, Keep, KeepSession
from hub.registry import (
    Heard,
    HeardSession,
    Registry,
    Shared,
    enter_router,
    forget_presence,
    keep_presence,
    last_listened,
    leave_router,
    listening_routers,
    presence_revision,
    presence_since,
    set_listening,
)
from hub.roster import LinkState

log = structlog.get_logger()
T = TypeVar("T")

SHARE_EVERY = 0.2
"""Seconds between two looks at what the others heard, and two writings of what was heard here."""
COUNT_EVERY = 1.0
"""Seconds between two looks at which routers there are; a dead one is known after ROUTER_STALE_AFTER."""


class SharedPresence:
    """One router's part in it. ``perform`` carries out the board's effects."""

    def __init__(
        self,
        registry: Registry,
        router: str,
        board: PresenceBoard,
        perform: Callable[[Iterable[Effect]], None],
    ) -> None:
        self._registry = registry
        self._router = router
        self._board = board
        self._perform = perform
        self._states: dict[str, Heard] = {}
        self._sessions: dict[str, HeardSession] = {}
        self._revision = self._epoch = self._version = 0
        self._link_up = False
        self._listening = False
        self._must_ask = False
        self._others: frozenset[str] = frozenset()
        self._counted = 0.0
        self._wake = asyncio.Event()

    # --- what happens -----------------------------------------------------------------------------

    def keep(self, effect: Keep | KeepSession) -> None:
        """Write it with the next exchange."""
        match effect:
            case Keep(state=LinkState.UNKNOWN):
                pass  # all routers get to know that at once, by a new epoch
            case Keep(heat_pump, state, since, silent):
                self._states[heat_pump] = Heard(state, since, silent)
            case KeepSession(provider, session, there, since):
                self._sessions[session] = HeardSession(provider, there, since)

    def link_up(self) -> None:
        """The link is up: take part."""
        self._link_up = True
        self._wake.set()

    def link_down(self) -> None:
        """The link is down: what comes meanwhile goes to others or to nobody."""
        self._link_up = False
        self._wake.set()

    def ask_again(self) -> None:
        """Presence that came was not heard: everybody is to be asked, whoever else there is."""
        self._must_ask = True
        self._listening = False
        self._wake.set()

    @property
    def alone(self) -> bool:
        """No other router takes part: every stanza for the hub is heard here."""
        return self._listening and not self._others

    # --- with the registry ------------------------------------------------------------------------

    async def enter(self, now: float) -> None:
        """Be known as a router that is not listening yet; raises SQLAlchemyError."""
        self._must_ask = await self._registry.run(_enter, self._router, now)

    async def leave(self) -> None:
        """Write what was heard last, and be no router any more; raises SQLAlchemyError."""
        await self._write(time.time())
        await self._registry.run_apart(_leave, self._router, time.time())  # after the last sign of life

    async def run(self) -> None:
        """Share until cancelled."""
        failing = False
        while True:
            try:
                async with asyncio.timeout(SHARE_EVERY):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self.exchange(time.time())
                failing = False
            except SQLAlchemyError as failed:
                if not failing:
                    log.error("presence cannot be shared", reason=str(failed))
                failing = True

    async def exchange(self, now: float) -> None:
        """Join, part, write what was heard here and take over what was heard elsewhere."""
        if self._link_up and not self._listening:
            await self._join(now)
        elif self._listening and not self._link_up:
            await self._part(now)
        elif self._states or self._sessions:
            await self._write(now)
        elif self._listening:
            await self._look(now)
        if self._listening and now - self._counted >= COUNT_EVERY:
            self._counted = now
            await self._count(now)

    async def _join(self, now: float) -> None:
        must_ask, self._must_ask = self._must_ask, False
        try:
            shared, others = await self._registry.run(_join, self._router, must_ask, now)
        except BaseException:
            self._must_ask = must_ask
            raise
        self._listening = True
        self._beside(others)
        self._revision, self._epoch = shared.revision, shared.epoch
        if must_ask or not others:
            log.info("everybody is asked for presence", other_routers=len(others))
            self._ask(now, away=not others)
        else:
            log.info("presence is taken over", from_routers=sorted(others))
            self._learn(shared, now)

    async def _part(self, now: float) -> None:
        await self._registry.run(_part, self._router, now)
        self._listening = False

    async def _look(self, now: float) -> None:
        version = self._registry.version()
        if version and version == self._version:
            return
        if await self._registry.read(presence_revision) != self._revision:
            self._learn(await self._registry.read(presence_since, self._revision), now)
        self._version = version

    async def _write(self, now: float) -> None:
        states, sessions = dict(self._states), dict(self._sessions)
        shared = await self._registry.run(
            _exchange, self._router, states, sessions, self._revision if self._listening else None
        )
        _drop_written(self._states, states)
        _drop_written(self._sessions, sessions)
        if shared is not None:
            self._learn(shared, now)

    def _learn(self, shared: Shared, now: float) -> None:
        anew = shared.epoch != self._epoch
        self._revision, self._epoch = shared.revision, shared.epoch
        learned = Learned(
            states=tuple((one.heat_pump, one.state) for one in shared.states),
            sessions=tuple((one.provider, one.jid) for one in shared.sessions),
            told_elsewhere=frozenset(one.jid for one in shared.sessions if one.router != self._router),
            anew=anew,
        )
        self._perform(self._board.learn(learned, {*self._states, *self._sessions}, now))

    async def _count(self, now: float) -> None:
        """When a router is lost, the first of those left asks everybody."""
        listening = await self._registry.read(listening_routers, now)
        others = listening - {self._router}
        lost = self._others - others
        self._beside(others)
        if lost and self._router == min(listening | {self._router}):
            log.warning("a router is lost: everybody is asked for presence", routers=sorted(lost))
            await self._registry.run(forget_presence, now, now)
            shared = await self._registry.read(presence_since, self._revision)
            self._revision, self._epoch = shared.revision, shared.epoch
            self._ask(now)

    def _beside(self, others: frozenset[str]) -> None:
        """These routers take part too; the first by name tells who waits for a grant, so he hears it once."""
        self._others = others
        self._board.contacts.leads = self._router == min(others | {self._router})

    def _ask(self, now: float, *, away: bool = False) -> None:
        self._states.clear()
        self._sessions.clear()
        self._perform(self._board.start(now, away=away))


def _drop_written(waiting: dict[str, T], written: dict[str, T]) -> None:
    """Keep only what came while it was written."""
    for key, value in written.items():
        if waiting.get(key) == value:
            del waiting[key]


def _enter(session: Session, router: str, now: float) -> bool:
    listened = last_listened(session)
    killed = enter_router(session, router, now)
    if not listening_routers(session, now):
        forget_presence(session, now, listened)
    return killed


def _join(session: Session, router: str, must_ask: bool, now: float) -> tuple[Shared, frozenset[str]]:
    listened = last_listened(session)
    others = listening_routers(session, now) - {router}
    set_listening(session, router, True)
    if must_ask or not others:
        forget_presence(session, now, listened)
    return presence_since(session, 0), others


def _part(session: Session, router: str, now: float) -> None:
    listened = last_listened(session)
    set_listening(session, router, False)
    if not listening_routers(session, now):
        forget_presence(session, now, listened)


def _leave(session: Session, router: str, now: float) -> None:
    listened = last_listened(session)
    leave_router(session, router)
    if not listening_routers(session, now):
        forget_presence(session, now, listened)


def _exchange(
    session: Session,
    router: str,
    states: dict[str, Heard],
    sessions: dict[str, HeardSession],
    revision: int | None,
) -> Shared | None:
    keep_presence(session, router, states, sessions)
    if revision is None:
        return None
    return presence_since(session, revision, [id_ for id_, heard in states.items() if heard.silent])
