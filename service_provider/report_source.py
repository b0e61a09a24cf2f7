"""One report control block in use: reserved, enabled, its reports in order, given back at the end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from iec61850_model.client import Client, ClientError, UnusableValue
from iec61850_model.client.rcb import RcbSettings, RcbValues
from iec61850_model.client.report_control import Reports
from iec61850_model.client.reports import Report
from iec61850_model.reference import Reference
from iec61850_model.values import OptFlds, Trigger
from service_provider.errors import NotAllowed
from service_provider.reader import Peer, Reader
from service_provider.report_text import block_reference, shown_data_set
from service_provider.reports import HeatPumpReport, Shaper, entry_datetime

MAX_BEHIND = 1000
"""Reports a slow listener may be behind; then the oldest go, and what they told is asked for again."""
KEEPALIVE = 120.0
"""Seconds without a report after which the block is looked at again: that keeps the association, whose lease
is 11 min, and finds out whether the block is still enabled. A report does both."""
RESERVATION = 300
"""Seconds for which a BRCB stays ours after the link is lost (ResvTms)."""
GOODBYE = 5.0
"""Seconds for giving a block back; then the end of the association is left to do it."""

ON_CHANGE = Trigger.DCHG | Trigger.QCHG
"""When members named one by one are reported: the block that is found is configured for something else."""
WANTED = OptFlds.SEQ_NUM | OptFlds.TIME_STAMP | OptFlds.REASON | OptFlds.CONF_REV
"""What reports need to have for gaps to be seen and values to be named."""
WANTED_BUFFERED = WANTED | OptFlds.BUF_OVFL | OptFlds.ENTRY_ID


class Lost(Exception):
    """The block no longer sends to us; the message says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a provider asks for.

    ``block`` or ``data_set`` or both; ``members`` instead of a data set that is there. ``trg_ops`` None: as
    configured. ``intg_pd``: milliseconds. ``after``: EntryID to go on from. ``keep``: a BRCB goes on
    buffering for us when we stop listening.
    """

    block: Reference | None = None
    data_set: str = ""
    members: tuple[str, ...] = ()
    buffered: bool = False
    trg_ops: Trigger | None = None
    intg_pd: int | None = None
    after: bytes | None = None
    keep: bool = False


def wanted_reports(  # noqa: PLR0913 - each may be asked for or not
    block: str | None,
    dataset: str | None,
    *,
    members: Sequence[str] = (),
    buffered: bool = False,
    triggers: Trigger | None = None,
    integrity: float | None = None,
    after: bytes | None = None,
    keep: bool = False,
) -> Wanted:
    """What is asked for by names and seconds; raises InvalidReference, UnusableValue."""
    if block is None and dataset is None and not members:
        raise UnusableValue("name a data set or its members, or a report control block")
    if members and (dataset is not None or buffered):
        raise UnusableValue("of members named one by one a data set is made: unbuffered, and no other beside")
    if block is None and (after is not None or keep):
        raise UnusableValue("to go on with a buffer, or to keep it, name its block: EntryIDs are its own")
    return Wanted(
        block=None if block is None else block_reference(block),
        data_set=dataset or "",
        members=tuple(members),
        buffered=buffered,
        trg_ops=ON_CHANGE if members and block is None and triggers is None else triggers,
        intg_pd=None if integrity is None else round(integrity * 1000),
        after=after,
        keep=keep,
    )


class Source:
    """The reports of one block.

    ``values``: of the block, before it was enabled. ``dat_set``: as the wire writes it. ``restores``: how the
    block was before we used it, and is to be again in the end, for the next one to find it as configured.
    ``delivered``: a report has come through.
    """

    def __init__(  # noqa: PLR0913 - what it works with, and what it is for
        self,
        client: Client,
        reports: Reports,
        reader: Reader,
        peer: Peer,
        *,
        values: RcbValues,
        dat_set: str,
        wanted: Wanted,
    ) -> None:
        self.peer = peer
        self.values = values
        self.last_entry = wanted.after
        self.restores = values
        self.delivered = False
        self._client = client
        self._reports = reports
        self._reader = reader
        self.dat_set = dat_set
        self._wanted = wanted
        self._trg_ops = values.trg_ops
        self._set = RcbSettings()
        self._waiting: deque[Report] = deque(maxlen=MAX_BEHIND)
        self._news = asyncio.Event()
        self._why_lost = ""
        self._broken = False
        self._doubtful = False
        self._checked = asyncio.get_running_loop().time()
        self._expected: int | None = None
        self._tried_again = False
        self._missed = False
        self._shaper: tuple[int | None, Shaper] | None = None

    # --- what the link brings -----------------------------------------------------------------------

    def takes(self, address: str, report: Report) -> bool:
        """Note a report if it is of this block."""
        if address != self.peer.address or report.rpt_id not in self._names:
            return False
        self._waiting.append(report)
        self._checked = asyncio.get_running_loop().time()
        self._news.set()
        return True

    def broken(self) -> None:
        """A report came that could not be used; it may have been of this block."""
        self._broken = True
        self._news.set()

    def lost(self, why: str) -> None:
        """The association is over."""
        self._why_lost = why
        self._news.set()

    def look(self) -> None:
        """Find out soon whether the block is still enabled: there is reason to doubt it."""
        self._doubtful = True
        self._news.set()

    @property
    def _names(self) -> tuple[str, str]:
        return self.values.name_in_reports, self.values.reference.without_fc

    # --- setting up and giving back -----------------------------------------------------------------

    async def enable(self) -> None:
        """Reserve the block, set what is missing, enable it, and ask for everything if nothing is resumed.

        Raises ServiceErrorReceived if the device refuses, and what the transport raises.
        """
        settings = self._settings()
        self._set = settings.copy()
        if self.last_entry is not None:
            settings["entry_id"] = self.last_entry
            self._expected = 0
        elif Trigger.GI in self._trg_ops:
            settings["gi"] = True
        await self._reports.enable(self.peer.address, self.values.reference, **settings)

    def _settings(self) -> RcbSettings:
        values, wanted = self.values, self._wanted
        settings = RcbSettings()
        if values.resv is not None:
            settings["resv"] = True
        if values.resv_tms is not None and values.resv_tms >= 0:
            settings["resv_tms"] = RESERVATION
        opt_flds = values.opt_flds | (WANTED_BUFFERED if values.buffered else WANTED)
        if opt_flds != values.opt_flds:
            settings["opt_flds"] = opt_flds
        if self.dat_set != values.dat_set:
            settings["dat_set"] = self.dat_set
        self._trg_ops = values.trg_ops if wanted.trg_ops is None else wanted.trg_ops
        if not values.buffered:
            # Of a BRCB a change of the triggers would purge the buffer.
            self._trg_ops |= Trigger.GI
        if wanted.intg_pd:
            self._trg_ops |= Trigger.INTEGRITY
        if self._trg_ops != values.trg_ops:
            settings["trg_ops"] = self._trg_ops
        if wanted.intg_pd is not None and wanted.intg_pd != values.intg_pd:
            settings["intg_pd"] = wanted.intg_pd
        return settings

    async def give_back(self, *, for_now: bool = False) -> None:
        """Disable the block and drop the reservation, as far as the device can still be told.

        ``for_now``: only disable it, as it is to be used again.
        """
        if self._why_lost:
            return
        with suppress(ClientError, TimeoutError):
            async with asyncio.timeout(GOODBYE):
                await self._reports.disable(self.peer.address, self.values.reference)
                if not for_now and not (self.values.buffered and self._wanted.keep):
                    await self._leave()

    async def _leave(self) -> None:
        """Leave the block as it was found; the reservation goes last."""
        values, before = self.values, self._before()
        try:
            await self._set_all(before)
        except NotAllowed:
            # A scope that has the block need not have its data set. A box brings that back by itself.
            before.pop("dat_set", None)
            await self._set_all(before)
        if values.resv is not None:
            await self._set_all({"resv": False})
        if values.resv_tms is not None and values.resv_tms >= 0:
            await self._set_all({"resv_tms": 0})

    async def _set_all(self, settings: RcbSettings) -> None:
        await self._reports.set(self.peer.address, self.values.reference, **settings)

    def _before(self) -> RcbSettings:
        """What of the block is otherwise now than before we used it, as it was."""
        now, before = {**_lasting(self.values), **self._set}, _lasting(self.restores)
        return cast("RcbSettings", {name: one for name, one in before.items() if now[name] != one})

    # --- reports in order ---------------------------------------------------------------------------

    async def next(self) -> HeatPumpReport:
        """The next report; raises Lost, BadAnswer, and what a request to the device raises."""
        while True:
            if self._why_lost:
                raise Lost(self._why_lost)
            if self._broken:
                self._broken, self._missed, self._expected = False, True, None
                await self._after_a_gap()
            if self._doubtful or self._until_check() <= 0:
                await self._check()
            if not self._waiting:
                await self._wait()
                continue
            report = self._waiting.popleft()
            if not self._in_order(report):
                self._missed = True
                if await self._after_a_gap():
                    continue
            self._expected = None if report.seq_num is None else self._following(report.seq_num)
            found = await self._shaped(report)
            self.last_entry = report.entry_id or self.last_entry
            self._missed, self.delivered = False, True
            return found

    def _in_order(self, report: Report) -> bool:
        if report.seq_num is None or self._expected is None or report.seq_num == self._expected:
            self._tried_again = False
            return True
        return False

    def _following(self, seq_num: int) -> int:
        """SqNum counts in 16 bits in a BRCB, in 8 in a URCB (7-2, 17.2)."""
        return (seq_num + 1) % (1 << 16 if self.values.buffered else 1 << 8)

    async def _after_a_gap(self) -> bool:
        """Reports are missing. A BRCB sends them again (True); a URCB is asked for everything as it is now.

        If the same is missing once more the device has it no longer, and its next report has to do.
        """
        address, block = self.peer.address, self.values.reference
        if self.values.buffered and self.last_entry is not None and not self._tried_again:
            self._tried_again = True
            await self._reports.disable(address, block)
            # What came until here will come again.
            self._waiting.clear()
            self._expected, self._missed = 0, False
            await self._reports.enable(address, block, entry_id=self.last_entry)
            return True
        self._tried_again = False
        if Trigger.GI in self._trg_ops:
            await self._reports.general_interrogation(address, block)
        return False

    async def _wait(self) -> None:
        self._news.clear()
        try:
            async with asyncio.timeout(self._until_check()):
                await self._news.wait()
        except TimeoutError:
            return

    def _until_check(self) -> float:
        return self._checked + KEEPALIVE - asyncio.get_running_loop().time()

    async def _check(self) -> None:
        self._doubtful = False
        self._checked = asyncio.get_running_loop().time()
        values = await self._reports.values(self.peer.address, self.values.reference)
        if not values.rpt_ena:
            raise Lost(f"{self.peer.heatpump} has disabled {self.values.reference}")

    async def _shaped(self, report: Report) -> HeatPumpReport:
        shaper = await self._shaper_for(report.conf_rev)
        return HeatPumpReport(
            self.peer.heatpump,
            self.values.reference,
            shown_data_set(self.dat_set),
            report.seq_num,
            None if report.time is None else entry_datetime(report.time),
            report.entry_id,
            bool(report.buf_ovfl),
            self._missed,
            shaper.entries(report),
        )

    async def _shaper_for(self, conf_rev: int | None) -> Shaper:
        """What the members are; asked for anew when the data set is another one."""
        if self._shaper is None or self._shaper[0] != conf_rev:
            members = await self._reports.members(self.peer.address, self.dat_set, conf_rev or 0)
            shaper = await Shaper.of(self._client, self._reader, self.peer, members, self._trg_ops)
            self._shaper = (conf_rev, shaper)
        return self._shaper[1]


def _lasting(values: RcbValues) -> dict[str, object]:
    """The settings of a block that a use of it may change and that outlast it."""
    return {name: getattr(values, name) for name in ("dat_set", "opt_flds", "trg_ops", "intg_pd")}
