"""Logs as a client uses them: control blocks, and entries read page by page (7-2, 17.3; 8-2, 17.3)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict, TypeVar, Unpack

from iec61850_model.client import errors
from iec61850_model.client.errors import BadAnswer, UnusableValue
from iec61850_model.client.exchange import Exchange
from iec61850_model.client.name_lists import all_names
from iec61850_model.mms.pdu import (
    Data,
    DataAccessError,
    GetNameListRequest,
    JournalEntry,
    ObjectClass,
    ObjectName,
    ObjectScope,
    ReadJournalRequest,
    ReadJournalResponse,
    ReadRequest,
    ReadResponse,
    VariableList,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.reference import MAX_REFERENCE, Reference
from iec61850_model.values import EntryTime, FunctionalConstraint, Trigger

FC = FunctionalConstraint
_T = TypeVar("_T")

MAX_PAGES = 16_384
"""Pages of one query; at 10 entries a page still a month of an entry every 16 s. Ends a device that never
ends."""
MAX_INTG_PD = 0xFFFF_FFFF
"""IntgPd is an INT32U, milliseconds."""
ENTRY_ID_OCTETS = 8
"""Length of an EntryID (8-2, 17.3)."""
REASON_CODE = "ReasonCode"
"""Variable tag of the reason of the member before it (8-2, 17.3)."""
_STATUS = ("OldEntrTm", "NewEntrTm", "OldEntr", "NewEntr")


@dataclass(frozen=True, slots=True)
class LogStatus:
    """The oldest and the newest entry of a log (GetLogStatusValues).

    An empty log has EntryIDs of zeros.
    """

    old_entr_tm: EntryTime
    new_entr_tm: EntryTime
    old_entr: bytes
    new_entr: bytes

    @property
    def empty(self) -> bool:
        """The log has no entry."""
        return not any(self.new_entr)


@dataclass(frozen=True, slots=True)
class LcbValues:
    """A log control block (GetLCBValues). ``log_ref`` and ``dat_set`` are as on the wire,
    ``LD/LN$Name``, ``dat_set`` empty for none; ``intg_pd`` is milliseconds."""

    reference: Reference
    log_ena: bool
    log_ref: str
    dat_set: str
    status: LogStatus
    trg_ops: Trigger
    intg_pd: int


class LcbSettings(TypedDict, total=False):
    """What SetLCBValues may set, by the names of ``LcbValues``."""

    log_ref: str
    dat_set: str
    trg_ops: Trigger
    intg_pd: int
    log_ena: bool


@dataclass(frozen=True, slots=True)
class LoggedMember:
    """One member of an entry; ``reason`` is None if the log keeps none."""

    reference: Reference
    value: Data
    reason: Trigger | None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """What happened at one moment: ``entry_id`` of 8 octets, the device's time, the members in order."""

    entry_id: bytes
    time: EntryTime
    members: tuple[LoggedMember, ...]


class Logs:
    """The logs of any number of peers.

    A log control block is named ``LD/LN.LCB`` (``LD0/LLN0.lcbEvents``), a log ``LD/LN.Log``
    (``LD0/LLN0.GeneralLog``).
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def names(self, peer: str, ld: str) -> list[str]:
        """The logs of a logical device, ``LD/LN.Log`` (GetLogicalNodeDirectory); raises NoSuchObject."""
        request = GetNameListRequest(ObjectClass.JOURNAL, ObjectScope.DOMAIN, ld)
        items = await all_names(self._exchange, peer, request)
        return [f"{ld}/{item.replace('$', '.')}" for item in items]

    async def lcb_values(self, peer: str, block: Reference) -> LcbValues:
        """GetLCBValues; raises NoSuchObject."""
        names = ("LogEna", "LogRef", "DatSet", *_STATUS, "TrgOps", "IntgPd")
        given = await self._read(peer, block, names)
        return LcbValues(
            reference=block.with_fc(FC.LG),
            log_ena=given.value("LogEna", bool),
            log_ref=given.value("LogRef", str),
            dat_set=given.value("DatSet", str),
            status=given.status(),
            trg_ops=given.trg_ops(),
            intg_pd=given.value("IntgPd", int),
        )

    async def status(self, peer: str, block: Reference) -> LogStatus:
        """GetLogStatusValues of the log a control block writes into; raises NoSuchObject."""
        return (await self._read(peer, block, _STATUS)).status()

    async def set_lcb_values(self, peer: str, block: Reference, **settings: Unpack[LcbSettings]) -> None:
        """SetLCBValues. LogEna=FALSE goes first and TRUE last, once all the others are set: so nothing is
        enabled that was not set up as asked.

        Raises ServiceErrorReceived for the first one refused (those before it may have been set),
        NoSuchObject, UnusableValue (nothing is sent then).
        """
        rest = _settings(settings)
        enable = settings.get("log_ena")
        if enable is False:
            rest.insert(0, ("LogEna", Data("boolean", False)))
        await self._write(peer, block, rest)
        if enable:
            await self._write(peer, block, [("LogEna", Data("boolean", True))])

    async def query_by_time(
        self, peer: str, log: Reference, start: EntryTime, stop: EntryTime
    ) -> AsyncGenerator[LogEntry, None]:
        """QueryLogByTime: the entries from ``start`` to ``stop``, both counted in, in order of EntryID.

        Pages are asked for as the entries are taken. Raises NoSuchObject, BadAnswer, UnusableValue (nothing
        is sent then).
        """
        if start.unix > stop.unix:
            raise UnusableValue("the range ends before it starts: give the earlier time first")
        async for entry in self._pages(peer, ReadJournalRequest(_log_name(log), start, stop)):
            yield entry

    async def query_after(
        self, peer: str, log: Reference, time: EntryTime, entry_id: bytes
    ) -> AsyncGenerator[LogEntry, None]:
        """QueryLogAfter: all entries that follow the one with this time and EntryID. As ``query_by_time``."""
        if len(entry_id) != ENTRY_ID_OCTETS:
            raise UnusableValue(f"an EntryID has {ENTRY_ID_OCTETS} octets, not {len(entry_id)}")
        async for entry in self._pages(peer, ReadJournalRequest(_log_name(log), after=(time, entry_id))):
            yield entry

    async def _pages(self, peer: str, request: ReadJournalRequest) -> AsyncGenerator[LogEntry, None]:
        what = f"{request.name.domain}/{request.name.item}"
        after, asked = request.after, set()
        for _ in range(MAX_PAGES):
            if after is not None:
                asked.add(after[1])
            page = ReadJournalRequest(request.name, request.start, request.stop, after)
            answer = await self._exchange.confirmed(peer, page, ReadJournalResponse, what)
            for entry in [_entry(one, what) for one in answer.entries]:
                yield entry
            if not answer.more_follows:
                return
            if not answer.entries or answer.entries[-1].entry_id in asked:
                raise BadAnswer(f"{peer} says that more entries of {what} follow, but gives none")
            after = (answer.entries[-1].time, answer.entries[-1].entry_id)
        raise BadAnswer(f"{peer} gives more than {MAX_PAGES} pages of {what}")

    async def _read(self, peer: str, block: Reference, names: Sequence[str]) -> _Attributes:
        request = ReadRequest(_variables(block, names))
        answer = await self._exchange.confirmed(peer, request, ReadResponse, block.without_fc)
        if len(answer.results) != len(names):
            raise BadAnswer(f"{peer} gives {len(answer.results)} values where {len(names)} were asked for")
        found = {}
        for name, result in zip(names, answer.results, strict=True):
            if isinstance(result, DataAccessError):
                raise errors.of_access(block.child(name).without_fc, result)
            found[name] = result
        return _Attributes(block.without_fc, found)

    async def _write(self, peer: str, block: Reference, values: Sequence[tuple[str, Data]]) -> None:
        if not values:
            return
        names = [name for name, _ in values]
        request = WriteRequest(_variables(block, names), tuple(data for _, data in values))
        answer = await self._exchange.confirmed(peer, request, WriteResponse, block.without_fc)
        if len(answer.results) != len(names):
            raise BadAnswer(f"{peer} answers {len(answer.results)} writes where {len(names)} were asked")
        for name, result in zip(names, answer.results, strict=True):
            if result is not None:
                raise errors.of_access(block.child(name).without_fc, result)


class _Attributes:
    """The attributes of a block by name, each of the kind it is to be."""

    def __init__(self, block: str, given: dict[str, Data]) -> None:
        self._block = block
        self._given = given

    def value(self, name: str, kind: type[_T]) -> _T:
        value = self._given[name].value
        if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
            raise BadAnswer(f"{self._block}: {name} is a {self._given[name].tag}")
        return value

    def entry_id(self, name: str) -> bytes:
        value = self.value(name, bytes)
        if len(value) != ENTRY_ID_OCTETS:
            raise BadAnswer(f"{self._block}: {name} has {len(value)} octets, not {ENTRY_ID_OCTETS}")
        return value

    def trg_ops(self) -> Trigger:
        try:
            return Trigger.from_trg_ops(self.value("TrgOps", str))
        except ValueError as error:
            raise BadAnswer(f"{self._block}: {error}") from None

    def status(self) -> LogStatus:
        return LogStatus(
            self.value("OldEntrTm", EntryTime),
            self.value("NewEntrTm", EntryTime),
            self.entry_id("OldEntr"),
            self.entry_id("NewEntr"),
        )


def _variables(block: Reference, names: Sequence[str]) -> VariableList:
    item = block.with_fc(FC.LG).item_id
    return VariableList(tuple(ObjectName(f"{item}${name}", block.ld) for name in names))


def _log_name(log: Reference) -> ObjectName:
    return ObjectName("$".join((log.ln, *log.path)), log.ld)


def _settings(settings: LcbSettings) -> list[tuple[str, Data]]:
    values = []
    for name, text in (("LogRef", settings.get("log_ref")), ("DatSet", settings.get("dat_set"))):
        if text is not None:
            if len(text) > MAX_REFERENCE or not text.isascii():
                raise UnusableValue(f"{name} is at most {MAX_REFERENCE} ASCII characters, LD/LN$Name")
            values.append((name, Data("visible-string", text)))
    trg_ops = settings.get("trg_ops")
    if trg_ops is not None:
        values.append(("TrgOps", Data("bit-string", trg_ops.trg_ops)))
    intg_pd = settings.get("intg_pd")
    if intg_pd is not None:
        if not 0 <= intg_pd <= MAX_INTG_PD:
            raise UnusableValue(f"IntgPd is 0 to {MAX_INTG_PD} milliseconds")
        values.append(("IntgPd", Data("unsigned", intg_pd)))
    return values


def _entry(entry: JournalEntry, what: str) -> LogEntry:
    if len(entry.entry_id) != ENTRY_ID_OCTETS:
        raise BadAnswer(f"an entry of {what} has an EntryID of {len(entry.entry_id)} octets")
    try:
        return LogEntry(entry.entry_id, entry.time, tuple(_members(entry)))
    except ValueError as error:
        raise BadAnswer(f"entry {entry.entry_id.hex()} of {what}: {error}") from None


def _members(entry: JournalEntry) -> Iterator[LoggedMember]:
    """Each reference with its value, and with the reason if one follows; raises ValueError."""
    waiting: LoggedMember | None = None
    for tag, data in entry.variables:
        if tag != REASON_CODE:
            if waiting is not None:
                yield waiting
            waiting = LoggedMember(_reference(tag), data, None)
            continue
        if waiting is None or data.tag != "bit-string" or not isinstance(data.value, str):
            raise ValueError("a ReasonCode stands where none belongs")
        yield LoggedMember(waiting.reference, waiting.value, Trigger.from_reason_code(data.value))
        waiting = None
    if waiting is not None:
        yield waiting


def _reference(tag: str) -> Reference:
    domain, _, item = tag.partition("/")
    return Reference.from_mms(domain, item) if "$" in item else Reference.parse(tag)
