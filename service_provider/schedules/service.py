"""Set, look at, enable, disable and clear the schedules of heat pumps."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import timedelta

from iec61850_model.client import (
    Client,
    ControlRefused,
    Plain,
    ServiceErrorReceived,
    UnusableValue,
)
from iec61850_model.mms.pdu import Data
from iec61850_model.reference import Reference
from iec61850_model.units import enumeration_text
from iec61850_model.values import FunctionalConstraint, ServiceError
from service_provider.errors import NotAllowed, ScheduleNotEnabled
from service_provider.reader import Peer
from service_provider.schedules.node import ScheduleNode
from service_provider.schedules.objects import ScheduledObject, named, scheduled_objects
from service_provider.schedules.plan import Repeat, SchedulePlan
from service_provider.schedules.shown import ShownSchedule
from service_provider.schedules.words import moment, starts_in_words

FC = FunctionalConstraint
_ENABLED = (3, 4)
"""SchdSt Ready and Running (7-4): settings are locked."""
_LOCKED = ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE
_STATUS = dict.fromkeys(("SchdSt", "SchdEnaErr", "SchdEntr", "ActStrTm", "NxtStrTm"), FC.ST)
_SETTINGS = dict.fromkeys(("SchdPrio", "NumEntr", "SchdIntv", "SchdReuse"), FC.SP)

Operate = Callable[[str, str, object], Awaitable[None]]
"""Operates a control: heat pump, reference, value."""


class Schedules:
    """The schedules of heat pumps behind one hub.

    Heat pumps are named by id. What is scheduled is named by its word (evu, sg-ready, relay1, room, power),
    by its reference (HP/EvuGGIO1.SPCSO1) or by that of its controller (SCH/EvuFSCC1). Each has a schedule for
    every slot; the hub gives a grant one slot. ``slot`` None finds the one that you may use. Every method
    raises a ``ClientError``.
    """

    def __init__(self, client: Client, peer_of: Callable[[str], Peer], operate: Operate) -> None:
        self._client = client
        self._peer_of = peer_of
        self._operate = operate

    async def objects(self, heatpump: str) -> list[ScheduledObject]:
        """What can be scheduled; raises NoSuchObject if nothing can."""
        return await scheduled_objects(self._client, self._peer_of(heatpump).address)

    async def slot(self, heatpump: str, what: str) -> int:
        """The slot that you may use; raises NotAllowed if there is none.

        Who may write a setting as it is may use its schedule: the others are forbidden by the hub or the box.
        """
        peer = self._peer_of(heatpump)
        return await self._own_slot(peer, named(await self.objects(heatpump), what))

    async def set(
        self, heatpump: str, what: str, plan: SchedulePlan, *, slot: int | None = None, enable: bool = True
    ) -> Reference:
        """Write a plan into your schedule, in the place of what was there, and enable it.

        One that waits or runs is disabled first. Raises UnusableValue (nothing is written then),
        ScheduleNotEnabled with the reason, NotAllowed, ServiceErrorReceived. Of several slots of yours it is
        the first whose grant lasts until the start. Returns the schedule.
        """
        if plan.repeat is Repeat.ONCE and plan.end.timestamp() <= time.time():
            raise UnusableValue(f"this schedule ended at {plan.end:%Y-%m-%dT%H:%MZ}: give a later start")
        peer = self._peer_of(heatpump)
        one = named(await self.objects(heatpump), what)
        async with aclosing(self._own_slots(peer, one) if slot is None else _only(slot)) as slots:
            async for number, _ in slots:
                schedule = _in_slot(one, number)
                node = await ScheduleNode.of(self._client, peer.address, schedule)
                if await self._written(peer, node, plan):
                    if enable:
                        await self._enabled(peer, node)
                    return schedule
        raise NotAllowed(
            f"your grant for {heatpump} ends before this schedule starts, or the slot is not yours: ask the "
            "operator of the hub"
        )

    async def enable(self, heatpump: str, what: str, *, slot: int | None = None) -> Reference:
        """EnaReq: it starts at its time; raises ScheduleNotEnabled with the reason. Returns the schedule."""
        peer, schedule = await self._own(heatpump, what, slot)
        await self._enabled(peer, await ScheduleNode.of(self._client, peer.address, schedule))
        return schedule

    async def disable(self, heatpump: str, what: str, *, slot: int | None = None) -> Reference:
        """DsaReq: it ends if it runs, and does not start any more. Returns the schedule."""
        peer, schedule = await self._own(heatpump, what, slot)
        await self._operate(peer.heatpump, f"{schedule}.DsaReq", True)
        return schedule

    async def clear(self, heatpump: str, what: str, *, slot: int | None = None) -> Reference:
        """Disable it and take its entries and start times away. Returns the schedule."""
        peer, schedule = await self._own(heatpump, what, slot)
        node = await ScheduleNode.of(self._client, peer.address, schedule)
        await self._stopped(peer, node)
        await node.write(node.no_settings())
        return schedule

    async def show(self, heatpump: str, what: str = "", *, slot: int | None = None) -> list[ShownSchedule]:
        """The schedules of one object, or of all, that you may see; of all slots, or of one."""
        objects = await self.objects(heatpump)
        wanted = [named(objects, what)] if what else objects
        found: list[ShownSchedule] = []
        for one in wanted:
            found += await self._shown(self._peer_of(heatpump), one, slot)
        return found

    async def _shown(self, peer: Peer, one: ScheduledObject, slot: int | None) -> list[ShownSchedule]:
        slots = one.schedules if slot is None else {slot: _in_slot(one, slot)}
        active = one.controller.child("ActSchdRef", "stVal").with_fc(FC.ST)
        (result,) = await self._client.get_data_values(peer.address, [active])
        winner = result.value if isinstance(result, Data) else ""
        found: list[ShownSchedule] = []
        for number, schedule in slots.items():
            try:
                node = await ScheduleNode.of(self._client, peer.address, schedule)
                found.append(await self._read(peer, one, number, node, winner == str(schedule)))
            except NotAllowed:
                if slot is not None:
                    raise
        return found

    async def _read(
        self, peer: Peer, one: ScheduledObject, slot: int, node: ScheduleNode, wins: bool
    ) -> ShownSchedule:
        start_names = node.numbered("StrTm")
        values = await node.read(_STATUS | _SETTINGS | dict.fromkeys(start_names, FC.SP))

        def value(name: str) -> Plain | None:
            return node.value_of(name, FC.SP if name in _SETTINGS else FC.ST, values)

        number, interval = _whole(value("NumEntr")), _whole(value("SchdIntv"))
        names = node.entries[: max(number, 0)]
        entries = await node.read(names)
        return ShownSchedule(
            heatpump=peer.heatpump,
            what=one.word,
            controlled=one.controlled,
            schedule=node.here,
            slot=slot,
            state=_word("SchdSt", value("SchdSt")),
            error="" if value("SchdEnaErr") == 1 else _word("SchdEnaErr", value("SchdEnaErr")),
            wins=wins,
            priority=_whole(value("SchdPrio")),
            entry=_whole(value("SchdEntr")),
            interval=timedelta(seconds=interval * await node.interval_unit()),
            values=[found for name in names if (found := node.value_of(name, FC.SP, entries)) is not None],
            unit=await node.unit(),
            starts=list(starts_in_words(values, start_names)),
            active_start=moment(values.get("ActStrTm")),
            next_start=moment(values.get("NxtStrTm")),
            reuse=bool(value("SchdReuse")),
        )

    async def _own(self, heatpump: str, what: str, slot: int | None) -> tuple[Peer, Reference]:
        peer = self._peer_of(heatpump)
        one = named(await self.objects(heatpump), what)
        number = await self._own_slot(peer, one) if slot is None else slot
        return peer, _in_slot(one, number)

    async def _own_slot(self, peer: Peer, one: ScheduledObject) -> int:
        """Of several slots of yours the first that holds a schedule."""
        first = 0
        async with aclosing(self._own_slots(peer, one)) as slots:
            async for slot, entries in slots:
                if entries:
                    return slot
                first = first or slot
        return first

    async def _own_slots(self, peer: Peer, one: ScheduledObject) -> AsyncGenerator[tuple[int, int], None]:
        """Those that you may use, each with its number of entries; raises NotAllowed if there is none."""
        found = False
        for slot, schedule in one.schedules.items():
            entries = await self._own_entries(peer, schedule)
            if entries is not None:
                found = True
                yield slot, entries
        if not found:
            raise NotAllowed(
                f"no schedule of {one.word} in {peer.heatpump} is yours: ask the operator of the hub for the "
                "right schedule; just given, it takes until the heat pump is online"
            )

    async def _own_entries(self, peer: Peer, schedule: Reference) -> int | None:
        """How many entries it has; None if it is not yours."""
        setting = schedule.child("NumEntr", "setVal").with_fc(FC.SP)
        try:
            (found,) = await self._client.get_data_values(peer.address, [setting])
            if isinstance(found, ServiceErrorReceived):
                return None
            (error,) = await self._client.set_data_values(peer.address, [(setting, found.value)])
        except NotAllowed:
            return None
        if error is not None and error.service_error is not _LOCKED:
            return None
        return found.value if isinstance(found.value, int) else 0

    async def _written(self, peer: Peer, node: ScheduleNode, plan: SchedulePlan) -> bool:
        """False if the hub does not let it through: not yours, or its start is after the end of the grant."""
        settings = node.settings(plan, await node.interval_unit())
        starts = [one for one in settings if one[0].path[0].startswith("StrTm")]
        try:
            if await self._is_enabled(node):
                # Locked, it changes nothing: but the hub says whether it may, before what runs is stopped.
                await self._client.set_data_values(peer.address, starts)
                await self._stopped(peer, node)
            await node.write(settings)
        except NotAllowed:
            return False
        return True

    async def _stopped(self, peer: Peer, node: ScheduleNode) -> None:
        """Settings are locked while a schedule waits or runs."""
        if await self._is_enabled(node):
            await self._operate(peer.heatpump, f"{node.here}.DsaReq", True)

    async def _is_enabled(self, node: ScheduleNode) -> bool:
        state = await node.read({"SchdSt": FC.ST})
        return node.value_of("SchdSt", FC.ST, state) in _ENABLED

    async def _enabled(self, peer: Peer, node: ScheduleNode) -> None:
        try:
            await self._operate(peer.heatpump, f"{node.here}.EnaReq", True)
        except ControlRefused as refused:
            found = await node.read({"SchdEnaErr": FC.ST})
            error = node.value_of("SchdEnaErr", FC.ST, found)
            if error == 1:
                raise
            reason = _word("SchdEnaErr", error)
            raise ScheduleNotEnabled(
                f"{peer.heatpump} does not enable {node.here}: {reason} ({refused})", reason
            ) from refused


async def _only(slot: int) -> AsyncGenerator[tuple[int, int], None]:
    yield slot, 0


def _in_slot(one: ScheduledObject, slot: int) -> Reference:
    if slot not in one.schedules:
        slots = ", ".join(map(str, one.schedules)) or "none"
        raise UnusableValue(f"{one.word} has no slot {slot}; it has: {slots}")
    return one.schedules[slot]


def _whole(value: Plain | None) -> int:
    return value if isinstance(value, int) else 0


def _word(name: str, value: Plain | None) -> str:
    return enumeration_text((name, "stVal"), value) or str(value)
