"""Look into heat pumps, read, write and operate them, over any transport."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import Unpack, overload

from iec61850_model.client import (
    AmbiguousReference,
    Association,
    Client,
    ClientError,
    Transport,
    UnusableValue,
    part,
    value_path,
)
from iec61850_model.client.errors import of_access
from iec61850_model.client.rcb import RcbSettings, RcbValues
from iec61850_model.mms.pdu import DataAccessError, Payload
from iec61850_model.reference import Reference
from iec61850_model.values import FunctionalConstraint, Trigger
from service_provider.addresses import address_of
from service_provider.browser import Browser
from service_provider.data_sets import DataSets
from service_provider.errors import NotAllowed
from service_provider.history import History
from service_provider.logs import Logs
from service_provider.reader import Peer, Reader
from service_provider.reading import Reading
from service_provider.report_blocks import HOME
from service_provider.report_source import wanted_reports
from service_provider.report_text import block_reference
from service_provider.reports import HeatPumpReport
from service_provider.schedules import Schedules
from service_provider.steering import Steering, Wish
from service_provider.subscriptions import Subscriptions
from service_provider.text import meant
from service_provider.tree import Branch

FC = FunctionalConstraint


class HeatPumpAccess:
    """The services of heat pumps behind one hub, by heat pump id and reference.

    References are written ``LD/LN.DO.DA[FC]``; the functional constraint may be left out where it is clear.
    ``data_sets`` and ``logs`` are the services of 7-2 clauses 13 and 17.3. Every method raises a
    ``ClientError``; InvalidReference and InvalidHeatPumpId (both ValueError) say that a name was written
    wrongly.
    """

    def __init__(self, transport: Transport, hub: str) -> None:
        self._hub = hub
        self._client = Client(transport)
        self._reader = Reader(self._client)
        self._browser = Browser(self._client)
        self._reports = self._client.reports
        self._subscriptions = Subscriptions(self._client, self._reports, self._reader)
        self.data_sets = DataSets(self._client, self._reader, self._peer)
        self.logs = Logs(self._client, self._reader, self._peer)
        self.history = History(self.logs, self.data_sets)
        """What the hub has stored."""
        self._steering = Steering(self._client, self._subscriptions.associations)
        self.schedules = Schedules(self._client, self._peer, self.operate)
        """Set, look at, enable, disable and clear schedules."""

    # --- looking ------------------------------------------------------------------------------------

    async def ls(self, heatpump: str, reference: str = "") -> list[str]:
        """What is directly below: logical devices, nodes, data objects, or attributes as ``name[FC]``."""
        return await self._browser.names(self._peer(heatpump), _parsed(reference))

    async def browse(self, heatpump: str, reference: str = "") -> Branch:
        """The whole tree below ``reference``, with values."""
        return await self._browser.tree(self._peer(heatpump), _parsed(reference))

    # --- reading and writing ------------------------------------------------------------------------

    @overload
    async def read(self, heatpump: str, reference: str, /) -> Reading: ...

    @overload
    async def read(self, heatpump: str, first: str, second: str, /, *more: str) -> list[Reading]: ...

    async def read(self, heatpump: str, /, *references: str) -> Reading | list[Reading]:
        """Read one value, or several in one request.

        Raises the device's error if one of them cannot be read (``read_each`` gives the others all the same),
        and AmbiguousReference if a reference stands for several values.
        """
        readings: list[Reading] = []
        for text, found in zip(references, await self.read_each(heatpump, references), strict=True):
            if isinstance(found, ClientError):
                raise found
            if len(found) != 1:
                choices = [str(one.reference) for one in found]
                raise AmbiguousReference(
                    f"{text} stands for {len(found)} values: name one of them, e.g. {', '.join(choices[:3])}",
                    choices,
                )
            readings += found
        return readings[0] if len(references) == 1 else readings

    async def read_each(self, heatpump: str, references: Sequence[str]) -> list[list[Reading] | ClientError]:
        """For each reference its readings (several for a node or a three-phase value), or the device's
        error."""
        parsed = [Reference.parse(text) for text in references]
        return await self._reader.read(self._peer(heatpump), parsed)

    async def write(self, heatpump: str, reference: str, value: object) -> None:
        """Set a value: a setting, a description, configuration. A text is read as people write values.

        Raises ServiceErrorReceived if the device refuses, UnusableValue if the value does not fit.
        """
        peer, wanted = self._peer(heatpump), Reference.parse(reference)
        definition = await self._client.definition(peer.address, wanted.ld, wanted.ln)
        try:
            target = definition.to_write(wanted)
        except KeyError:
            if definition.where(wanted.path):
                raise UnusableValue(
                    f"{wanted} cannot be written: only settings, configuration and descriptions can; "
                    "a control is operated"
                ) from None
            raise of_access(str(wanted), DataAccessError.OBJECT_NON_EXISTENT) from None
        described = definition.find(target.fc, target.path) if target.fc else None
        inside = value_path(described) or ()
        target, described = target.child(*inside), part(described, inside)
        (error,) = await self._client.set_data_values(
            peer.address, [(target, meant(value, described, target))]
        )
        self._reader.forget(peer.heatpump)
        if error is not None:
            raise error

    # --- control ------------------------------------------------------------------------------------

    async def operate(
        self,
        heatpump: str,
        reference: str,
        value: object,
        *,
        at: datetime | None = None,
        test: bool = False,
        wait: bool = False,
    ) -> None:
        """Operate a control at once, or ``at`` a time that the device then keeps by itself.

        An object that has to be selected is selected. Returns when it is done; ``at`` a time when the device
        accepted it, or with ``wait`` when it was carried out. ``value``: bool, int or float, or a text as
        people write it. Raises ControlRefused with the AddCause, UnusableValue, ValueError for a time without
        zone.
        """
        peer, target = self._peer(heatpump), control_of(Reference.parse(reference))
        wish = await self._wish(peer, target, value, at, test)
        try:
            await self._steering.operate(peer.address, target, replace(wish, wait=wait))
        except NotAllowed as refused:
            if at is None:
                raise
            raise NotAllowed(f"{refused}, or for a grant that lasts until then") from refused

    async def select(
        self,
        heatpump: str,
        reference: str,
        value: object,
        *,
        at: datetime | None = None,
        test: bool = False,
    ) -> bool:
        """Select a control, so that nobody else can operate it until you ``operate`` it just so, ``cancel``,
        or its sboTimeout is over. Not needed: ``operate`` selects by itself.

        False: this control is not selected before it is operated. The selection belongs to the association
        (``associate``, ``release``). Raises as ``operate`` does.
        """
        peer, target = self._peer(heatpump), control_of(Reference.parse(reference))
        return await self._steering.select(
            peer.address, target, await self._wish(peer, target, value, at, test)
        )

    async def cancel(self, heatpump: str, reference: str) -> None:
        """Take back what you have selected, or commanded for later, in this session or another.

        Raises ControlRefused (Object-not-selected) if there is nothing of yours, NoSuchObject.
        """
        peer, target = self._peer(heatpump), control_of(Reference.parse(reference))
        await self._steering.cancel(peer.address, target)

    async def _wish(
        self, peer: Peer, target: Reference, value: object, at: datetime | None, test: bool
    ) -> Wish:
        if at is not None and at.tzinfo is None:
            raise ValueError("give a time with its zone, e.g. datetime.now(UTC) + timedelta(minutes=5)")
        definition = await self._client.definition(peer.address, target.ld, target.ln)
        described = definition.find(FC.CO, (*target.path, "Oper", "ctlVal"))
        return Wish(meant(value, described, target), at, test)

    # --- reports ------------------------------------------------------------------------------------

    async def reports(  # noqa: PLR0913 - all but one by name, and each may be left out
        self,
        heatpump: str,
        block: str | None = None,
        *,
        dataset: str | None = None,
        members: Sequence[str] = (),
        buffered: bool = False,
        triggers: Trigger | None = None,
        integrity: float | None = None,
        after: bytes | None = None,
        keep: bool = False,
    ) -> AsyncGenerator[HeatPumpReport, None]:
        """Reports of a data set, without end: first all its values, then what changes. Close it to end it::

            async with aclosing(sp.reports("hp0001", dataset="dsMeas")) as reports:
                async for report in reports:
                    ...

        ``dataset`` (``MET/LLN0.dsMeas``, or the name alone where it is clear) takes a free report control
        block, a BRCB if ``buffered``; ``block`` (``MET/LLN0.urcbMeas01``) names one. ``members``
        (``MET/MMXU1.TotW``) instead of a data set that is there: one is made of them for as long as this is
        open. ``triggers``: TrgOps, else as configured, or on change of ``members``. ``integrity``: seconds
        between reports of everything. ``after``: EntryID after which to go on with a BRCB named by ``block``;
        ``keep``: it goes on buffering when this is closed.

        A lost link is waited for, and a BRCB goes on where it was. Raises NoFreeBlock, BlockInUse,
        NoSuchDataSet, NoSuchObject and what any request raises; InvalidReference.
        """
        wanted = wanted_reports(
            block,
            dataset,
            members=members,
            buffered=buffered,
            triggers=triggers,
            integrity=integrity,
            after=after,
            keep=keep,
        )
        async with aclosing(self._subscriptions.stream(self._peer(heatpump), wanted)) as reports:
            async for report in reports:
                yield report

    async def report_blocks(self, heatpump: str, where: str = "") -> list[RcbValues]:
        """The report control blocks in LLN0 of every logical device, or in ``where`` (``MET`` or
        ``MET/LLN0``)."""
        here = Reference.parse(where) if where else Reference("")
        return await self._subscriptions.blocks.every(self._peer(heatpump), here.ld, here.ln or HOME)

    async def report_block(self, heatpump: str, block: str) -> RcbValues:
        """One report control block (GetBRCBValues, GetURCBValues); raises NoSuchObject."""
        return await self._reports.values(self._peer(heatpump).address, block_reference(block))

    async def set_report_block(self, heatpump: str, block: str, **settings: Unpack[RcbSettings]) -> None:
        """Set attributes of a report control block (SetBRCBValues, SetURCBValues), in an association.

        What it has reserved or enabled ends with the association: ``associate`` before to keep it. Raises
        ServiceErrorReceived for the first one refused, UnusableValue.
        """
        peer, target = self._peer(heatpump), block_reference(block)
        async with self._subscriptions.associations.use(peer.address):
            await self._reports.set(peer.address, target, **settings)

    # --- associations -------------------------------------------------------------------------------

    async def associate(self, heatpump: str) -> Association:
        """Open an association (7-2 clause 8). Only reports and selections need one; it ends after 5 idle
        minutes."""
        return await self._client.associate(self._peer(heatpump).address)

    async def release(self, heatpump: str) -> None:
        """End the association; nothing happens if there is none."""
        await self._client.release(self._peer(heatpump).address)

    def _take(self, address: str, payload: Payload) -> None:
        """Take a message that came from a heat pump: a report, or what a control is waiting for."""
        if not self._client.receive(address, payload):
            self._reports.receive(address, payload, time.monotonic())

    def _peer(self, heatpump: str) -> Peer:
        address = address_of(heatpump, self._hub)
        return Peer(address.partition("@")[0], address)


def _parsed(reference: str) -> Reference | None:
    return Reference.parse(reference) if reference else None


def control_of(reference: Reference) -> Reference:
    """The controllable data object that a reference to it, or to its Oper, means."""
    path = reference.path[:-1] if reference.path[-1:] == ("Oper",) else reference.path
    return Reference(reference.ld, reference.ln, path)
