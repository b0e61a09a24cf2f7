"""Logs of heat pumps: what a device noted by itself, read back by time or by entry."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Unpack

from iec61850_model.client import BadAnswer, Client, NoSuchObject, Plain, UnusableValue
from iec61850_model.client.logs import LcbSettings, LcbValues, LogEntry, LoggedMember, LogStatus
from iec61850_model.client.reports import ReportedMember
from iec61850_model.mms.pdu import Data
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.values import NO_TRIGGER, EntryTime, FunctionalConstraint, Timestamp
from service_provider.errors import NotAllowed
from service_provider.reader import Peer, Reader
from service_provider.reading import Reading, iso
from service_provider.report_blocks import HOME
from service_provider.reports import ReportEntry, Shaper, entry_datetime

FC = FunctionalConstraint
EARLIEST = EntryTime(0, 0)
"""1984-01-01, before every entry."""
LATEST = EntryTime(86_399_999, 0xFFFF)
"""The end of 2163-06-06, the last that an entry time can tell."""


@dataclass(frozen=True, slots=True)
class LoggedEntry:
    """What a log holds of one moment.

    ``time``: the device's when it made the entry. ``entry_id``: give it as ``after`` to go on from here.
    ``entries``: the values with the reason why each was logged.
    """

    heatpump: str
    log: str
    time: datetime
    entry_id: bytes
    entries: tuple[ReportEntry, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: all of the above, ``values`` for the entries; entry_id in hex, times in ISO 8601."""
        return {
            "heatpump": self.heatpump,
            "log": self.log,
            "time": iso(self.time),
            "entry_id": self.entry_id.hex(),
            "values": [entry.as_dict() for entry in self.entries],
        }


class Logs:
    """The logs of heat pumps (7-2, 17.3).

    A log is named ``LD/LN.Log`` (``LD0/LLN0.GeneralLog``), a log control block, which says what goes into it,
    ``LD/LN.Block`` (``LD0/LLN0.lcbStat``). Everything raises InvalidReference for a name of another form,
    NoSuchObject, and what any request raises.
    """

    def __init__(self, client: Client, reader: Reader, peer: Callable[[str], Peer]) -> None:
        self._client = client
        self._reader = reader
        self._peer = peer

    async def names(self, heatpump: str, ld: str = "") -> list[str]:
        """The logs of a logical device, or of all of them."""
        address = self._peer(heatpump).address
        devices = [ld] if ld else await self._client.server_directory(address)
        return [name for device in devices for name in await self._client.logs.names(address, device)]

    async def blocks(self, heatpump: str, ld: str = "") -> list[LcbValues]:
        """All log control blocks in LLN0 of one logical device, or of all of them."""
        address = self._peer(heatpump).address
        found = []
        for device in [ld] if ld else await self._client.server_directory(address):
            definition = await self._client.definition(address, device, HOME)
            for name in definition.data_objects():
                if definition.find(FC.LG, (name,)) is not None:
                    found.append(await self.block(heatpump, f"{device}/{HOME}.{name}"))
        return found

    async def block(self, heatpump: str, block: str) -> LcbValues:
        """One log control block (GetLCBValues)."""
        return await self._client.logs.lcb_values(self._peer(heatpump).address, _block_name(block))

    async def set_block(self, heatpump: str, block: str, **settings: Unpack[LcbSettings]) -> None:
        """Set attributes of a log control block (SetLCBValues): LogEna off first, and on last.

        Raises ServiceErrorReceived for the first one refused, UnusableValue (nothing is sent then).
        """
        await self._client.logs.set_lcb_values(self._peer(heatpump).address, _block_name(block), **settings)

    async def status(self, heatpump: str, block: str) -> LogStatus:
        """The oldest and the newest entry of the log that a block writes into (GetLogStatusValues)."""
        return await self._client.logs.status(self._peer(heatpump).address, _block_name(block))

    async def query(
        self,
        heatpump: str,
        log: str,
        *,
        start: datetime | None = None,
        stop: datetime | None = None,
        after: bytes | None = None,
    ) -> AsyncGenerator[LoggedEntry, None]:
        """The entries of a log, the oldest first; pages are asked for as you take them.

        From ``start`` to ``stop``, both counted in (QueryLogByTime); or all that follow the entry with the
        EntryID ``after`` (QueryLogAfter), for which ``start`` is its time: the device goes by that if it has
        lost its log since, else gives all it has. Raises ValueError for a time without zone, UnusableValue.
        """
        peer, name = self._peer(heatpump), log_name(log)
        first, last = _entry_time(start, EARLIEST), _entry_time(stop, LATEST)
        if after is None:
            entries = self._client.logs.query_by_time(peer.address, name, first, last)
        elif stop is None:
            entries = self._client.logs.query_after(peer.address, name, first, after)
        else:
            raise UnusableValue("an end goes with a beginning in time, not with an entry to go on after")
        shapers = _Shapers(self._client, self._reader, peer)
        async with aclosing(entries):
            async for entry in entries:
                yield LoggedEntry(
                    peer.heatpump,
                    name.without_fc,
                    entry_datetime(entry.time),
                    entry.entry_id,
                    await shapers.entries(entry),
                )


class _Shapers:
    """Makes readings of entries, whose members differ from one to the next."""

    def __init__(self, client: Client, reader: Reader, peer: Peer) -> None:
        self._client = client
        self._reader = reader
        self._peer = peer

    async def entries(self, entry: LogEntry) -> tuple[ReportEntry, ...]:
        """The values of an entry; as they came if the device no longer has what they are of, or the grant
        does not show what that is."""
        try:
            shaper = await Shaper.of(
                self._client, self._reader, self._peer, [one.reference for one in entry.members], NO_TRIGGER
            )
            reported = [
                ReportedMember(at, None, one.value, one.reason) for at, one in enumerate(entry.members)
            ]
            return shaper.values(reported, entry.time)
        except (NoSuchObject, BadAnswer, NotAllowed):
            return tuple(self._as_it_came(one, entry.time) for one in entry.members)

    def _as_it_came(self, member: LoggedMember, time: EntryTime) -> ReportEntry:
        value = _untyped(member.value)
        reading = Reading(self._peer.heatpump, member.reference, value, "", None, entry_datetime(time))
        return ReportEntry(reading, member.reason)


def log_name(text: str) -> Reference:
    """A log from ``LD/LN.Log``; raises InvalidReference."""
    return _named(text, "a log", "LD0/LLN0.GeneralLog")


def _block_name(text: str) -> Reference:
    return _named(text, "a log control block", "LD0/LLN0.lcbStat")


def _named(text: str, what: str, example: str) -> Reference:
    try:
        reference = Reference.parse(text.replace("$", "."))
    except InvalidReference:
        reference = Reference("")
    if len(reference.path) != 1 or reference.fc not in (None, FC.LG):
        raise InvalidReference(f"{text[:80]!r} is not {what}: write LD/LN.Name, e.g. {example}")
    return Reference(reference.ld, reference.ln, reference.path)


def _entry_time(time: datetime | None, default: EntryTime) -> EntryTime:
    if time is None:
        return default
    if time.tzinfo is None:
        raise ValueError("give a time with its zone, e.g. datetime.now(UTC) - timedelta(hours=1)")
    try:
        return EntryTime.from_unix(time.timestamp())
    except ValueError as error:
        raise UnusableValue(str(error)) from None


def _untyped(data: Data) -> Plain:
    value = data.value
    if isinstance(value, tuple) and not isinstance(value, Timestamp | EntryTime):
        return [_untyped(one) for one in value]
    return value
