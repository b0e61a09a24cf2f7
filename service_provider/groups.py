"""Requests to all heat pumps of a group: one message out, an answer from each, the missing asked again.

A repeat is harmless: reading changes nothing, and an operate is the same one if origin, ctlNum and T are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, aclosing
from datetime import datetime
from typing import Protocol, TypeVar

from iec61850_model.client import (
    Client,
    ClientError,
    ForMany,
    NoAnswer,
    NodeDefinition,
    Operation,
    UnusableValue,
)
from iec61850_model.client.control import MAX_CTL_NUM
from iec61850_model.mms.pdu import Payload
from iec61850_model.reference import Reference
from iec61850_model.values import FunctionalConstraint
from service_provider.access import control_of
from service_provider.addresses import address_of, group_address, heatpump_at
from service_provider.control_facts import ControlFacts, control_facts
from service_provider.errors import NoSuchGroup
from service_provider.group_endings import Endings
from service_provider.group_reading import question
from service_provider.group_results import MemberResult
from service_provider.text import meant

REPEATS = 1
"""How often those that did not answer are asked again, unless told otherwise."""
PAUSE = 1.0
"""Seconds before they are: a link that was just cut is known to be by then."""
OPERATE_WITHIN = 20.0
"""Seconds after its T in which an operate is repeated: a box refuses it after 30 s."""
AT_ONCE = 64
"""Heat pumps that are asked again at one time."""
SAMPLES = 5
"""Members asked for the definition of an object, one after the other, until one gives it: by their functional
naming all have the same."""
FC = FunctionalConstraint
_T = TypeVar("_T")
_R = TypeVar("_R")


class Answers(Protocol):
    """The answers to a request, as they come."""

    async def next(self) -> tuple[str, Payload | ClientError]:
        """An answer and the address it came from; raises NoAnswer if none comes in time, CannotConnect."""
        ...


class GroupTransport(Protocol):
    """What a group is asked through."""

    async def request(self, peer: str, payload: Payload) -> Payload:
        """Ask one alone; raises ClientError."""
        ...

    async def members(self, group: str) -> list[str]:
        """The addresses of those in a group that may be asked; raises NoSuchGroup and other ClientErrors."""
        ...

    def ask(self, group: str, payload: Payload) -> AbstractContextManager[Answers]:
        """Ask all in a group at once; raises ClientError."""
        ...


class Groups:
    """The groups behind one hub. ``is_there(heat pump)``: it is known to be online."""

    def __init__(
        self, client: Client, transport: GroupTransport, hub: str, is_there: Callable[[str], bool]
    ) -> None:
        self.client = client
        self.transport = transport
        self.hub = hub
        self.is_there = is_there
        self._ctl_num = 0

    async def group(self, id_: str) -> Group:
        """A group with those in it that you hold a grant for now.

        Raises NoSuchGroup, and what any request raises.
        """
        addresses = await self.transport.members(group_address(id_, self.hub))
        found = sorted({one for address in addresses if (one := heatpump_at(address, self.hub))})
        if not found:
            raise NoSuchGroup(f"group {id_} has no heat pump that you may ask")
        return Group(self, id_, found)

    def next_ctl_num(self) -> int:
        """Another one than that of the command before."""
        self._ctl_num = (self._ctl_num + 1) % (MAX_CTL_NUM + 1)
        return self._ctl_num


class Group:
    """A group of heat pumps: ``members`` are the ids of those you hold a grant for, in order.

    Every request gives each member's result once, as it comes; those that do not answer are asked ``repeat``
    times again, which does nothing twice. Raised is what concerns all: NoSuchGroup, NoSuchObject,
    UnusableValue, CannotConnect and other ClientErrors.
    """

    def __init__(self, home: Groups, id_: str, members: Sequence[str]) -> None:
        self.id = id_
        self.members = tuple(members)
        self._home = home
        self._client, self._transport, self._hub = home.client, home.transport, home.hub

    async def operate(
        self,
        reference: str,
        value: object,
        *,
        at: datetime | None = None,
        test: bool = False,
        repeat: int = REPEATS,
    ) -> AsyncGenerator[MemberResult, None]:
        """Operate a control in every member, directly, at once or ``at`` a time that each keeps by itself.

        Done means carried out, ``at`` a time: accepted. With enhanced security each tells by a
        CommandTermination, and is silent if none comes within operTimeout. ::

            async for result in group.operate("HP/EvuGGIO1.SPCSO1", True):
                print(result.heatpump, result.outcome, result.error)

        ``value``: bool, int or float, or a text as people write it. A time without zone is a ValueError.
        """
        if at is not None and at.tzinfo is None:
            raise ValueError("give a time with its zone, e.g. datetime.now(UTC) + timedelta(minutes=5)")
        target = control_of(Reference.parse(reference))
        definition, facts = await self._how(target)
        described = definition.find(FC.CO, (*target.path, "Oper", "ctlVal"))
        wanted = meant(value, described, target)
        when = None if at is None else at.timestamp()
        operation = Operation(wanted, time.time(), self._home.next_ctl_num(), at=when, test=test)
        peers = [address_of(one, self._hub) for one in self.members]
        oper = definition.find(FC.CO, (*target.path, "Oper"))
        until = asyncio.get_running_loop().time() + OPERATE_WITHIN
        endings, waits = Endings(target), facts.enhanced and at is None
        with (
            endings.listening(self._client, self._hub, self.members if waits else (), operation.ctl_num),
            self._client.many.operate(peers, target, oper, operation) as request,
        ):
            async with aclosing(self._ask(request, repeat, until)) as results:
                async for heatpump, answer in results:
                    if isinstance(answer, ClientError) or not waits:
                        yield MemberResult(heatpump, answer)
                    else:
                        endings.accepted(heatpump)
                    for result in endings.ended():
                        yield result
            async with aclosing(endings.rest(facts.patience)) as ends:
                async for result in ends:
                    yield result

    async def read(self, *references: str, repeat: int = REPEATS) -> AsyncGenerator[MemberResult, None]:
        """Read values of every member, in one request: its ``readings``, and the first error if there is
        one."""
        parsed = [Reference.parse(one) for one in references]
        asked = question([await self._definition(one) for one in parsed], parsed)
        request = self._client.many.read(asked.variables)
        async with aclosing(self._ask(request, repeat)) as results:
            async for heatpump, result in results:
                if isinstance(result, ClientError):
                    yield MemberResult(heatpump, result)
                else:
                    yield asked.result(heatpump, result)

    async def _definition(self, reference: Reference) -> NodeDefinition:
        return await self._of_one(lambda peer: self._client.definition(peer, reference.ld, reference.ln))

    async def _how(self, target: Reference) -> tuple[NodeDefinition, ControlFacts]:
        """What a control consists of; raises UnusableValue if not all can be commanded at once."""

        async def ask(peer: str) -> tuple[NodeDefinition, ControlFacts]:
            definition = await self._client.definition(peer, target.ld, target.ln)
            return definition, await control_facts(self._client, peer, target)

        definition, facts = await self._of_one(ask)
        if facts.selected:
            raise UnusableValue(
                f"{target.without_fc} is selected before it is operated (ctlModel), which is between one"
                " provider and one heat pump: operate each alone"
            )
        return definition, facts

    async def _of_one(self, ask: Callable[[str], Awaitable[_T]]) -> _T:
        """What the first member says that says something, those online first."""
        error: ClientError = NoAnswer("nobody was asked")
        for one in sorted(self.members, key=lambda member: not self._home.is_there(member))[:SAMPLES]:
            try:
                return await ask(address_of(one, self._hub))
            except ClientError as failed:
                error = failed
        raise error

    async def _ask(
        self, request: ForMany[_R], repeat: int, until: float | None = None
    ) -> AsyncGenerator[tuple[str, _R | ClientError], None]:
        """Each member's result or error once; whoever is silent after all repeats is last."""
        silent: dict[str, NoAnswer] = {
            one: NoAnswer(f"{one} did not answer in time: what was asked may have been carried out")
            for one in self.members
        }
        done: set[str] = set()
        async with aclosing(self._ask_all(request, silent)) as answers:
            async for heatpump, result in answers:
                if heatpump in done:
                    continue
                if isinstance(result, NoAnswer):
                    silent[heatpump] = result
                    continue
                done.add(heatpump)
                silent.pop(heatpump, None)
                yield heatpump, result
        for _ in range(repeat):
            clock = asyncio.get_running_loop().time
            if not silent or (until is not None and clock() + PAUSE > until):
                break
            await asyncio.sleep(PAUSE)
            async with aclosing(self._ask_each(list(silent), request)) as answers:
                async for heatpump, result in answers:
                    if isinstance(result, NoAnswer):
                        silent[heatpump] = result
                        continue
                    del silent[heatpump]
                    yield heatpump, result
        for heatpump, error in silent.items():
            yield heatpump, error

    async def _ask_all(
        self, request: ForMany[_R], expected: dict[str, NoAnswer]
    ) -> AsyncGenerator[tuple[str, _R | ClientError], None]:
        """Ask once for all: until each of ``expected`` has answered or is away, or nobody speaks."""
        address, heard = group_address(self.id, self._hub), set[str]()
        with self._transport.ask(address, request.payload) as answers:
            while not expected.keys() <= heard:
                try:
                    peer, answer = await answers.next()
                except NoAnswer:
                    return
                if peer == address and isinstance(answer, ClientError):
                    raise answer
                heatpump = heatpump_at(peer, self._hub)
                if heatpump is not None and heatpump not in heard:
                    heard.add(heatpump)
                    yield heatpump, _judged(request, peer, answer)

    async def _ask_each(
        self, heatpumps: Sequence[str], request: ForMany[_R]
    ) -> AsyncGenerator[tuple[str, _R | ClientError], None]:
        """Ask one by one, AT_ONCE at a time."""

        async def alone(heatpump: str) -> tuple[str, _R | ClientError]:
            peer = address_of(heatpump, self._hub)
            try:
                answer = await self._transport.request(peer, request.payload)
            except ClientError as error:
                return heatpump, error
            return heatpump, _judged(request, peer, answer)

        async with aclosing(_some_at_once(heatpumps, alone)) as results:
            async for found in results:
                yield found


def _judged(request: ForMany[_R], peer: str, answer: Payload | ClientError) -> _R | ClientError:
    if isinstance(answer, ClientError):
        return answer
    try:
        return request.result(peer, answer.pdu)
    except ClientError as error:
        return error


async def _some_at_once(
    heatpumps: Sequence[str], ask: Callable[[str], Coroutine[None, None, _T]]
) -> AsyncGenerator[_T, None]:
    """The results of all, as they come, AT_ONCE of them under way."""
    waiting = iter(heatpumps)
    under_way: set[asyncio.Task[_T]] = set()
    try:
        while True:
            while len(under_way) < AT_ONCE and (heatpump := next(waiting, None)) is not None:
                under_way.add(asyncio.create_task(ask(heatpump)))
            if not under_way:
                return
            done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                yield one.result()
    finally:
        for one in under_way:
            one.cancel()
