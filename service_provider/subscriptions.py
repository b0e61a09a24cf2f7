"""Streams of reports that outlive a lost link: a block is chosen, used, and found again afterwards."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import replace

from iec61850_model.client import (
    AmbiguousReference,
    BadAnswer,
    Client,
    ClientError,
    NoSuchObject,
    Rejected,
    ServiceErrorReceived,
    UnusableValue,
)
from iec61850_model.client.rcb import RcbValues
from iec61850_model.client.report_control import Reports
from iec61850_model.client.reports import Report
from iec61850_model.reference import Reference
from iec61850_model.values import ServiceError
from service_provider.associations import SharedAssociations
from service_provider.data_sets import member_references
from service_provider.errors import NoSuchHeatPump, NotAllowed
from service_provider.reader import Peer, Reader
from service_provider.report_blocks import Blocks, NoFreeBlock, NoSuchDataSet
from service_provider.report_source import GOODBYE, Lost, Source, Wanted
from service_provider.report_text import wire_data_set
from service_provider.reports import HeatPumpReport

log = logging.getLogger(__name__)

MAX_OPENING = 16
"""Streams being set up at the same time, so that thousands of them after an outage do not ask all at once."""
FIRST_PAUSE = 1.0
"""Seconds until a lost stream is set up again, if the heat pump does not come online before; doubles."""
LONGEST_PAUSE = 60.0
"""Seconds between attempts in the end: shorter than the 5 minutes a device takes to forget us."""
_FOR_GOOD = (NoSuchHeatPump, NotAllowed, NoSuchObject, NoSuchDataSet, UnusableValue, AmbiguousReference)
"""Errors that trying again does not mend."""


class BlockInUse(ClientError):
    """The report control block that was named is somebody else's now."""


class Subscriptions:
    """All streams of reports of one provider."""

    def __init__(self, client: Client, reports: Reports, reader: Reader) -> None:
        self._client = client
        self._reports = reports
        self._reader = reader
        self.associations = SharedAssociations(client)
        self.blocks = Blocks(client, reports)
        self._sources: set[Source] = set()
        self._opening = asyncio.Semaphore(MAX_OPENING)
        self._back: dict[str, asyncio.Event] = {}
        self._made = 0
        reports.on_report.append(self._on_report)
        reports.on_broken.append(self._on_broken)

    # --- what the link tells ------------------------------------------------------------------------

    def lost(self, address: str, why: str) -> None:
        """The association with a heat pump is over."""
        self._client.abort(address)
        self._reports.forget(address)
        for source in self._sources:
            if source.peer.address == address:
                source.lost(why)

    def all_lost(self, why: str) -> None:
        """Our own link is lost, and with it every association."""
        for address in self.associations.addresses:
            self.lost(address, why)

    def back(self, address: str) -> None:
        """The heat pump is online again: who waits for it need not wait longer, and who heard of it through
        a hub that was away finds out whether it still reports."""
        if address in self._back:
            self._back[address].set()
        for source in self._sources:
            if source.peer.address == address:
                source.look()

    def _on_report(self, address: str, report: Report) -> None:
        if not any(source.takes(address, report) for source in self._sources):
            log.info("a report %s of %s is for nobody here", report.rpt_id[:80], address)

    def _on_broken(self, address: str, _why: str) -> None:
        for source in self._sources:
            if source.peer.address == address:
                source.broken()

    # --- streams ------------------------------------------------------------------------------------

    async def stream(self, peer: Peer, wanted: Wanted) -> AsyncGenerator[HeatPumpReport, None]:
        """Reports without end; closing it disables the block and gives it back.

        Raises the reason if the stream cannot be set up. Once it was, a lost link is no error: it goes on
        when the heat pump is back, a buffered one where it was; unless the heat pump, the right to it or the
        block is gone for good.
        """
        if wanted.members:
            self._made += 1
            wanted = replace(wanted, data_set=f"@reported{self._made}")
        async with self.associations.use(peer.address):
            source = await self._open(peer, wanted)
            try:
                while True:
                    try:
                        yield await source.next()
                    except (Lost, ClientError) as lost:
                        if isinstance(lost, _FOR_GOOD) or _hopeless(lost, source):
                            raise
                        log.info("reports of %s are interrupted: %s", peer.heatpump, lost)
                        source = await self._again(source, wanted, lost)
            finally:
                await self._drop(source)
                if wanted.members:
                    await self._unmake(peer, wanted.data_set)

    async def _again(self, source: Source, wanted: Wanted, lost: Exception) -> Source:
        """Set the stream up again, however long it takes."""
        self._sources.discard(source)
        await source.give_back(for_now=source.values.buffered)
        peer = source.peer
        if isinstance(lost, BadAnswer):
            # It no longer is as it described itself.
            self._client.peer_gone(peer.address)
            self.lost(peer.address, "the heat pump is not as it described itself")
        if source.values.buffered:
            wanted = replace(
                wanted, block=source.values.reference, data_set=source.dat_set, after=source.last_entry
            )
        pause = FIRST_PAUSE
        while True:
            await self._until_back(peer.address, pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            try:
                await self.associations.ensure(peer.address)
                found = await self._open(peer, wanted)
                if found.values.reference == source.values.reference:
                    found.restores = source.restores
                return found
            except _FOR_GOOD:
                raise
            except ClientError as error:
                log.info("reports of %s cannot go on yet: %s", peer.heatpump, error)
                if isinstance(error, Rejected):
                    # Perhaps it knows nothing of the association any more.
                    self._client.abort(peer.address)

    async def _until_back(self, address: str, pause: float) -> None:
        back = self._back.setdefault(address, asyncio.Event())
        try:
            async with asyncio.timeout(pause):
                await back.wait()
        except TimeoutError:
            return
        finally:
            self._back.pop(address, None)

    async def _open(self, peer: Peer, wanted: Wanted) -> Source:
        """Find a block and enable it; of several that would do, the next if one is taken meanwhile."""
        async with self._opening:
            if wanted.members:
                await self._make(peer, wanted)
            dat_set, candidates = await self._candidates(peer, wanted)
            used = {
                name for one in self._sources if one.peer == peer for name in (one.values.name_in_reports,)
            }
            refused: ServiceErrorReceived | None = None
            for values in candidates:
                if values.name_in_reports in used:
                    # Reports of both would look alike.
                    continue
                source = Source(
                    self._client,
                    self._reports,
                    self._reader,
                    peer,
                    values=values,
                    dat_set=dat_set,
                    wanted=wanted,
                )
                self._sources.add(source)
                try:
                    await source.enable()
                    return source
                except ServiceErrorReceived as error:
                    refused = error
                    await self._drop(source)
                except BaseException:
                    await self._drop(source)
                    raise
        if refused is not None:
            raise refused
        raise NoFreeBlock(
            f"reports of {peer.heatpump} from another block would have the same RptID as those that you "
            "receive already: use that stream for both"
        )

    async def _drop(self, source: Source) -> None:
        self._sources.discard(source)
        await source.give_back()

    async def _make(self, peer: Peer, wanted: Wanted) -> None:
        """Make the ``@`` data set of a stream; it is still there if only the block was lost."""
        members = await member_references(self._client, peer, wanted.members)
        try:
            await self._client.data_sets.create(peer.address, wanted.data_set, members)
        except ServiceErrorReceived as error:
            if error.service_error is not ServiceError.INSTANCE_IN_USE:
                raise

    async def _unmake(self, peer: Peer, data_set: str) -> None:
        """Delete it, for the association may go on with other uses; with that it would end too."""
        if self._client.association(peer.address) is None:
            return
        with suppress(ClientError, TimeoutError):
            async with asyncio.timeout(GOODBYE):
                await self._client.data_sets.delete(peer.address, data_set)

    async def _candidates(self, peer: Peer, wanted: Wanted) -> tuple[str, list[RcbValues]]:
        if wanted.block is None:
            near = Reference.parse(wanted.members[0]).ld if wanted.members else ""
            return await self.blocks.for_data_set(peer, wanted.data_set, wanted.buffered, near)
        values = await self._reports.values(peer.address, wanted.block)
        dat_set = wire_data_set(wanted.data_set) if wanted.data_set else values.dat_set
        if not dat_set:
            raise NoSuchDataSet(f"{values.reference} has no data set: name one for it, as LD/LN.Name")
        if values.rpt_ena:
            raise BlockInUse(
                f"{values.reference} is in use: name another block, or the data set alone for a free one"
            )
        return dat_set, [values]


def _hopeless(error: Exception, source: Source) -> bool:
    """The device's own word, before anything came of this block: it would say the same again."""
    return isinstance(error, BadAnswer | ServiceErrorReceived) and not source.delivered
