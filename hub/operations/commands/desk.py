"""The desk at which commands are taken: who asks is looked up, the room judges, the work is done."""

from __future__ import annotations

import asyncio
import enum
import secrets
from collections import Counter
from collections.abc import Callable, Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hub.audit import AuditError
from hub.changing import NotTaken
from hub.database import SchemaError
from hub.limits import Share, Shares
from hub.operations.commands.catalogue import COMMANDS
from hub.operations.commands.command import Command, Done, NotThere, Wrong
from hub.operations.commands.office import Office
from hub.operations.commands.room import Came, Room, Work
from hub.operations.commands.wire import Note, refused
from hub.registry import NotFound, RegistryError
from hub.registry.operators import Caller, caller_of
from hub.roster import domain_of
from hub.stanzas import Condition, Stanza

log = structlog.get_logger()

OF_ONE = Share(rate=2.0, burst=30.0)
"""Stanzas of one account: a person clicks slower; a program that administers has the command line."""
OF_A_DOMAIN = Share(rate=50.0, burst=500.0)
"""Stanzas of all accounts of a domain: strangers can make up any number of names in their own."""
MAX_AT_ONCE = 64
"""Stanzas that are being answered at one time; each may wait for a box."""
MAX_AT_ONCE_OF_ONE = 4
"""Of these, one account's."""
SESSION_OCTETS = 16
"""Random octets of a session's id: nobody guesses another's."""


class Ending(enum.StrEnum):
    """How the work for a command ended, for metrics."""

    ASKED = "asked"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    OVER_LIMIT = "over limit"


class Desk:
    """``send`` takes the answer to a stanza. ``counts``: how commands ended."""

    def __init__(
        self, office: Office, send: Callable[[str], None], commands: Sequence[Command] = COMMANDS
    ) -> None:
        self._office = office
        self._send = send
        self._room = Room(commands, lambda: secrets.token_hex(SESSION_OCTETS))
        self._of_one, self._of_a_domain = Shares(OF_ONE), Shares(OF_A_DOMAIN)
        self.counts: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._at_once: Counter[str] = Counter()

    def take(self, incoming: Stanza) -> None:
        """An iq get or set came; it is answered later."""
        bare, now = incoming.sender.partition("/")[0], self._office.clock()
        counted = self._of_a_domain.take(domain_of(bare), now) and self._of_one.take(bare, now)
        if not counted or len(self._tasks) >= MAX_AT_ONCE or self._at_once[bare] >= MAX_AT_ONCE_OF_ONE:
            self.counts[Ending.OVER_LIMIT] += 1
            self._send(refused(incoming, Condition.RESOURCE_CONSTRAINT))
            return
        self._at_once[bare] += 1
        task = asyncio.create_task(self._answer(incoming, bare))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._over(done, bare))

    @property
    def sessions(self) -> int:
        """Commands that are being given."""
        return len(self._room)

    def tick(self) -> None:
        """Time went on; about once a second."""
        now = self._office.clock()
        self._room.tick(now)
        self._of_one.sweep(now)
        self._of_a_domain.sweep(now)

    def stop(self) -> None:
        """Answer nothing more."""
        for task in self._tasks:
            task.cancel()

    def _over(self, task: asyncio.Task[None], bare: str) -> None:
        self._tasks.discard(task)
        self._at_once[bare] -= 1
        if not self._at_once[bare]:
            del self._at_once[bare]

    async def _answer(self, incoming: Stanza, bare: str) -> None:
        try:
            self._send(await self._answer_to(incoming, bare))
        except Exception:  # a defect must not leave an iq without its answer (RFC 6120, 8.2.3)
            log.exception("a stanza could not be answered")
            self._send(refused(incoming, Condition.INTERNAL_SERVER_ERROR))

    async def _answer_to(self, incoming: Stanza, bare: str) -> str:
        try:
            caller = await self._office.read(caller_of, bare, now=self._office.clock())
        except SQLAlchemyError as failed:
            log.error("who gives a command cannot be looked up", reason=str(failed))
            return refused(incoming, Condition.INTERNAL_SERVER_ERROR)
        step = self._room.take(incoming, caller, self._office.clock())
        while isinstance(step, Work):
            came = await self._came_of(step)
            self.counts[_ending(came)] += 1
            step = self._room.went(step, came, self._office.clock())
        return step

    async def _came_of(self, work: Work) -> Came:
        command, caller = work.session.command, work.caller
        try:
            if work.stage is not None:
                return await command.stages[work.stage](self._office, caller, work.values)
            done = await command.do(self._office, caller, work.values)
            log.info("command", node=command.node, by=_who(caller))
            return done
        except (NotThere, Wrong) as said:
            return said
        except NotFound as missing:
            return Wrong(str(missing)) if caller.operator else NotThere()
        except RegistryError as unfit:
            return Wrong(str(unfit))
        except NotTaken as late:
            return Done(str(late), kind=Note.ERROR)
        except (SQLAlchemyError, AuditError, SchemaError) as failed:
            log.error("a command failed", node=command.node, reason=str(getattr(failed, "orig", failed)))
            return Condition.INTERNAL_SERVER_ERROR
        except Exception:  # a defect of one command ends its session, not operations
            log.exception("a command failed", node=command.node)
            return Condition.INTERNAL_SERVER_ERROR


def _ending(came: Came) -> Ending:
    match came:
        case Done(_, _, Note.INFO):
            return Ending.DONE
        case Done() | NotThere() | Wrong():
            return Ending.REFUSED
        case Condition():
            return Ending.FAILED
    return Ending.ASKED


def _who(caller: Caller) -> str:
    return caller.person or caller.provider
