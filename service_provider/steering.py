"""Commands to one heat pump, in the way the control model of each object wants them (7-2 clause 20)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from iec61850_model.client import Client, NoAnswer, Operation, Termination, part
from iec61850_model.client.errors import of_termination
from iec61850_model.mms.pdu import Data, Primitive, Structure, TypeDescription
from iec61850_model.reference import Reference
from iec61850_model.values import ControlModel, FunctionalConstraint
from service_provider.associations import SharedAssociations
from service_provider.control_facts import ControlFacts, control_facts

FC = FunctionalConstraint
CTL_NUM_MODULUS = 256
"""ctlNum is an INT8U (7-2 clause 20)."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be commanded: a value, at once or ``at`` a time, as a ``test`` or not.

    ``wait``: until a command for later has ended, too.
    """

    value: object
    at: datetime | None = None
    test: bool = False
    wait: bool = False


_Key: TypeAlias = tuple[str, Reference]
_Ends: TypeAlias = asyncio.Queue[Termination | NoAnswer]


class Steering:
    """Select, operate and cancel by address and data object."""

    def __init__(self, client: Client, associations: SharedAssociations) -> None:
        self._client = client
        self._associations = associations
        self._facts: dict[_Key, ControlFacts] = {}
        self._numbers: dict[_Key, int] = {}
        self._selected: dict[_Key, Operation] = {}
        self._waiting: dict[str, set[_Ends]] = {}

    async def operate(self, address: str, target: Reference, wish: Wish) -> None:
        """Command, having selected where the model says so; returns when it is done, or accepted for later.

        Raises ControlRefused with the AddCause, UnusableValue, NoSuchObject, NoAnswer.
        """
        facts = await self._known(address, target)
        async with self._selection(address, target, facts.model, wish) as operation:
            with self._heard(address, target, operation.ctl_num) as ends:
                await self._client.controls.operate(address, target, operation)
                if wish.at is None and facts.enhanced:
                    await self._ended(target, ends, facts, 0.0)
                elif wish.at is not None and wish.wait:
                    await self._ended(target, ends, facts, max(wish.at.timestamp() - time.time(), 0.0))

    async def select(self, address: str, target: Reference, wish: Wish) -> bool:
        """Select for an ``operate`` of the same wish; False for an object that is not selected.

        The selection ends with its association, which is made here if there is none, or by its time.
        """
        facts = await self._known(address, target)
        if not facts.selected:
            return False
        if self._client.association(address) is None:
            await self._client.associate(address)
        operation = self._operation(address, target, wish)
        await self._select(address, target, facts.model, operation)
        self._selected[address, target] = operation
        return True

    async def cancel(self, address: str, target: Reference) -> None:
        """Take back what is selected, or waits for its time; raises ControlRefused if there is nothing."""
        operation = self._selected.pop((address, target), None)
        if operation is None:
            value = await self._any_value(address, target)
            operation = self._operation(address, target, Wish(value))
        await self._client.controls.cancel(address, target, operation)

    def gone(self, address: str, why: str) -> None:
        """The heat pump, or our own link, is gone: selections are over, terminations will not come."""
        for key in [key for key in self._selected if key[0] == address]:
            del self._selected[key]
        for key in [key for key in self._facts if key[0] == address]:
            del self._facts[key]
        for ends in self._waiting.get(address, ()):
            ends.put_nowait(NoAnswer(f"{why}; the command may have been carried out or not"))

    def all_gone(self, why: str) -> None:
        """Our own link is lost."""
        for address in {*self._waiting, *(address for address, _ in (*self._selected, *self._facts))}:
            self.gone(address, why)

    # --- selecting ----------------------------------------------------------------------------------

    @asynccontextmanager
    async def _selection(
        self, address: str, target: Reference, model: ControlModel, wish: Wish
    ) -> AsyncIterator[Operation]:
        """What to operate, selected within an association if the model wants it."""
        held = self._selected.pop((address, target), None)
        if held is not None and self._serves(held, wish):
            yield held if model is ControlModel.SBO_ENHANCED else self._operation(address, target, wish)
            return
        operation = self._operation(address, target, wish)
        if model not in (ControlModel.SBO_NORMAL, ControlModel.SBO_ENHANCED):
            yield operation
            return
        async with self._associations.use(address):
            await self._select(address, target, model, operation)
            yield operation

    async def _select(
        self, address: str, target: Reference, model: ControlModel, operation: Operation
    ) -> None:
        if model is ControlModel.SBO_ENHANCED:
            await self._client.controls.select_with_value(address, target, operation)
        else:
            await self._client.controls.select(address, target)

    @staticmethod
    def _serves(held: Operation, wish: Wish) -> bool:
        at = None if wish.at is None else wish.at.timestamp()
        return (held.value, held.at, held.test) == (wish.value, at, wish.test)

    def _operation(self, address: str, target: Reference, wish: Wish) -> Operation:
        key = (address, target)
        number = self._numbers[key] = (self._numbers.get(key, 0) + 1) % CTL_NUM_MODULUS
        at = None if wish.at is None else wish.at.timestamp()
        return Operation(wish.value, time.time(), number, at=at, test=wish.test)

    # --- how it ends --------------------------------------------------------------------------------

    @contextmanager
    def _heard(self, address: str, target: Reference, number: int) -> Iterator[_Ends]:
        """The terminations of a command, as they come, or why none will."""
        ends: _Ends = asyncio.Queue()
        waiting = self._waiting.setdefault(address, set())
        waiting.add(ends)
        stop = self._client.controls.listen(address, target, number, ends.put_nowait)
        try:
            yield ends
        finally:
            stop()
            waiting.discard(ends)
            if not waiting:
                self._waiting.pop(address, None)

    @staticmethod
    async def _ended(target: Reference, ends: _Ends, facts: ControlFacts, after: float) -> None:
        """Wait for the termination that tells the outcome; raises ControlRefused, NoAnswer."""
        try:
            async with asyncio.timeout(after + facts.patience):
                while True:
                    end = await ends.get()
                    if isinstance(end, NoAnswer):
                        raise end
                    if end.add_cause is not None:
                        raise of_termination(target.without_fc, end.add_cause)
                    if facts.enhanced and end.timed:
                        continue  # it begins
                    return
        except TimeoutError:
            raise NoAnswer(
                f"{target.without_fc}: the device accepted the command and did not tell how it ended: read "
                "its state"
            ) from None

    # --- what the device says of itself -------------------------------------------------------------

    async def _known(self, address: str, target: Reference) -> ControlFacts:
        key = (address, target)
        if key not in self._facts:
            self._facts[key] = await control_facts(self._client, address, target)
        return self._facts[key]

    async def _any_value(self, address: str, target: Reference) -> object:
        """A ctlVal that the device can read: of a Cancel it does not matter which one it is."""
        definition = await self._client.definition(address, target.ld, target.ln)
        described = definition.find(FC.CO, (*target.path, "Cancel", "ctlVal"))
        if not isinstance(described, Primitive) or described.tag == "boolean":
            return _zero(described)
        (result,) = await self._client.get_data_values(address, [target.with_fc(FC.ST).child("stVal")])
        return result.value if isinstance(result, Data) else 0


def _zero(described: TypeDescription | None) -> object:
    if isinstance(described, Structure):
        inside = part(described, (described.components[0][0],))
        return 0.0 if isinstance(inside, Primitive) and inside.tag == "floating-point" else 0
    return False
