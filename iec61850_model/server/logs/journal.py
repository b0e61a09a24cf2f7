"""One log: what its entries hold at rest, and how they are read page by page (7-2, 17.3; 8-2, 17.3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from iec61850_model.mms.pdu import (
    INVALID_ADDRESS,
    PDU_SIZE,
    Data,
    JournalEntry,
    MmsError,
    ReadJournalRequest,
    ReadJournalResponse,
)
from iec61850_model.mms.xer.data import write_data
from iec61850_model.server.buffer import Entry, EntryBuffer, Member
from iec61850_model.values import EntryTime, Trigger

MAX_PAGE = 128
"""Entries of one readJournal answer: bounds how long one query holds up everything else in the box."""
ENTRY_OVERHEAD = 280
"""Octets of XML around the variables of one entry; rather too many than too few."""
VARIABLE_OVERHEAD = 110
"""Octets of XML around the tag and the value of one variable."""
RESPONSE_OVERHEAD = 600
"""Octets of XML around the entries, with association context and stanza."""

BAD_RANGE = INVALID_ADDRESS
"""A range that is missing, reversed, or begins at no EntryID: parameter-value-inappropriate (after 8-1,
clause 13)."""
REASON_CODE = "ReasonCode"
"""Variable tag of a reason (8-2, 17.3)."""
FORM = "log, form 1"
"""What a buffer is told that entries are of: another number as soon as they are written another way."""
NEVER = EntryTime(0, 0)
"""Time of no entry, and of an entry made before the clock was first set."""
_LATEST = EntryTime(86_399_999, 0xFFFF)
_MILLISECOND = 0.001
_ENTRY_ID_OCTETS = 8


@dataclass(frozen=True, slots=True)
class Logged:
    """One member of an entry: its data reference ``LD/LN$FC$DO``, its place in the data set, its value then.

    ``reason`` NO_TRIGGER: the log control block keeps no reasons.
    """

    reference: str
    index: int
    reason: Trigger
    value: Data


def entry_time(time: float) -> EntryTime:
    """The time on the wire of ``time`` seconds since 1970 UTC; NEVER where it cannot carry it."""
    try:
        return EntryTime.from_unix(time)
    except ValueError:
        return NEVER


class Log:
    """One log over its buffer.

    An entry holds the data references too: it stays true when the data set of a control block changes, and
    when several control blocks write into one log.
    """

    def __init__(self, buffer: EntryBuffer) -> None:
        self._buffer = buffer
        buffer.begin(FORM)

    @property
    def oldest(self) -> Entry | None:
        """The oldest entry kept."""
        return self._buffer.first

    @property
    def newest(self) -> Entry | None:
        """The newest entry kept."""
        return self._buffer.last

    def append(self, now: float, members: Sequence[Logged]) -> None:
        """Keep an entry of ``now``, seconds since 1970 UTC, to the millisecond that clients see.

        Raises OSError if it could not be stored: it is gone then.
        """
        self._buffer.append(
            entry_time(now).unix, [Member(one.index, one.reason, _at_rest(one)) for one in members]
        )

    def query(self, request: ReadJournalRequest, size: int) -> ReadJournalResponse | MmsError:
        """One page: as many entries as fit ``size`` octets, at most MAX_PAGE, in order of EntryID."""
        wanted = wanted_of(request, self._buffer.last)
        if isinstance(wanted, MmsError):
            return wanted
        limit = page_limit(size) + 1
        return page_of(self._buffer.between(wanted.earliest, wanted.latest, wanted.after, limit), size)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Entries with a time from ``earliest`` to ``latest`` (both count in) and a number above ``after``."""

    earliest: float
    latest: float
    after: int


def wanted_of(request: ReadJournalRequest, newest: Entry | None) -> Wanted | MmsError:
    """What a query asks for of a log whose newest entry is this; BAD_RANGE."""
    start, stop, after = request.start, request.stop, request.after
    if start is None and stop is None and after is None:
        return BAD_RANGE
    earliest, latest = (start or NEVER).unix, (stop or _LATEST).unix
    if earliest > latest:
        return BAD_RANGE
    number = 0
    if after is not None:
        time, entry_id = after
        if len(entry_id) != _ENTRY_ID_OCTETS:
            return BAD_RANGE
        number = int.from_bytes(entry_id)
        if newest is not None and number > newest.number:
            # An EntryID from before the log was lost: its time says where the client was.
            number, earliest = 0, max(earliest, time.unix + _MILLISECOND)
    return Wanted(earliest, latest, number)


def page_limit(size: int) -> int:
    """Entries that a page of ``size`` octets never exceeds; one more shows whether others follow."""
    return min(MAX_PAGE, size // ENTRY_OVERHEAD)


def page_of(found: Iterable[Entry], size: int) -> ReadJournalResponse | MmsError:
    """As many entries as fit ``size`` octets, of those that were found in order: ``page_limit`` and one more.

    No more of them are taken from ``found`` than that needs.
    """
    room, limit = size - RESPONSE_OVERHEAD, page_limit(size)
    page: list[JournalEntry] = []
    for entry in found:
        journal_entry = _on_the_wire(entry)
        room -= _octets(journal_entry)
        if room < 0 or len(page) == limit:
            return ReadJournalResponse(tuple(page), more_follows=True) if page else PDU_SIZE
        page.append(journal_entry)
    return ReadJournalResponse(tuple(page), more_follows=False)


def entry_of(number: int, time: float, members: Sequence[Logged]) -> Entry:
    """An entry of a log that is kept in another way than in a buffer; ``number`` is its EntryID."""
    return Entry(number, time, tuple(Member(one.index, one.reason, _at_rest(one)) for one in members))


def _at_rest(member: Logged) -> Data:
    return Data("structure", (Data("visible-string", member.reference), member.value))


def _on_the_wire(entry: Entry) -> JournalEntry:
    return JournalEntry(entry.entry_id, entry_time(entry.time), tuple(_variables(entry.members)))


def _variables(members: Sequence[Member]) -> Iterator[tuple[str, Data]]:
    for member in members:
        assert isinstance(member.value.value, tuple)
        reference, value = member.value.value
        assert isinstance(reference, Data) and isinstance(reference.value, str) and isinstance(value, Data)
        yield reference.value, value
        if member.reason:
            yield REASON_CODE, Data("bit-string", member.reason.reason_code)


def _octets(entry: JournalEntry) -> int:
    xml: list[str] = []
    for _, value in entry.variables:
        write_data(value, xml)
    tags = sum(len(tag) for tag, _ in entry.variables)
    return (
        ENTRY_OVERHEAD
        + VARIABLE_OVERHEAD * len(entry.variables)
        + tags
        + sum(len(one.encode()) for one in xml)
    )
