"""All logs of a server and the services on them (7-2, 17.3; 8-2, 17.3)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from iec61850_model.blocks import LogConfig
from iec61850_model.mms.pdu import (
    OBJECT_NON_EXISTENT,
    Data,
    DataAccessError,
    MmsError,
    ReadJournalRequest,
    ReadJournalResponse,
)
from iec61850_model.reference import Reference
from iec61850_model.server.buffer import EntryBuffer
from iec61850_model.server.control import Client
from iec61850_model.server.data_sets import DataSets
from iec61850_model.server.effects import Effect, Moment
from iec61850_model.server.logs.block import LogControlBlock
from iec61850_model.server.logs.journal import Log, Logged
from iec61850_model.tree import Change, Tree
from iec61850_model.values import FunctionalConstraint

FC = FunctionalConstraint

MAX_OBSERVED = 1_024
"""Entries that wait for ``tick``; a shell that ticks when told to has few. Bounds memory."""


class Logs:
    """All logs and log control blocks of a server. I/O-free but for the buffers; time is passed in.

    Puts the blocks into the tree under FC LG. ``buffers`` gives the buffer of the log of a reference
    ``LD0/LLN0$GeneralLog``. What a client sets holds until the server ends. Raises ValueError for a
    configuration that cannot be.
    """

    def __init__(
        self,
        tree: Tree,
        data_sets: DataSets,
        configs: Sequence[LogConfig],
        buffers: Callable[[str], EntryBuffer],
    ) -> None:
        self._logs: dict[str, dict[str, Log]] = {}
        for config in configs:
            of_device = self._logs.setdefault(config.ld, {})
            name = f"{config.ld}/{config.ln}${config.log}"
            if name not in of_device:
                of_device[name] = Log(buffers(name))
        self._blocks = {
            Reference(config.ld, config.ln, (config.name,), FC.LG): LogControlBlock(
                tree, data_sets.members, self._logs[config.ld], config
            )
            for config in configs
        }
        self._observed: deque[tuple[Log, list[Logged]]] = deque()
        self.unstored = 0
        """Entries lost so far because the buffer could not store them, or because nobody ticked."""
        data_sets.in_use.append(self._uses)
        tree.watchers.append(self._watch)

    def names(self, ld: str) -> list[str]:
        """The logs (journals) of a logical device, item names ``LN$Log`` in ASCII order."""
        return sorted(name.partition("/")[2] for name in self._logs.get(ld, ()))

    def write(
        self, client: Client, reference: Reference, data: Data, moment: Moment
    ) -> DataAccessError | None:
        """SetLCBValues of one attribute ``LD/LN.LCB.Attribute[LG]``.

        Any client may who was let through: a log control block has no owner. Returns None when written,
        otherwise what the client is told; a whole block or node is not written at once.
        """
        del client
        block = self._blocks.get(Reference(reference.ld, reference.ln, reference.path[:1], FC.LG))
        if block is None:
            known = any((one.ld, one.ln) == (reference.ld, reference.ln) for one in self._blocks)
            whole = known and not reference.path
            return DataAccessError.OBJECT_ACCESS_DENIED if whole else DataAccessError.OBJECT_NON_EXISTENT
        if len(reference.path) == 1:
            return DataAccessError.OBJECT_ACCESS_DENIED
        return block.write("$".join(reference.path[1:]), data, moment.now)

    def query(self, request: ReadJournalRequest, size: int) -> ReadJournalResponse | MmsError:
        """QueryLogByTime and QueryLogAfter: one page of at most ``size`` octets.

        ``start`` and ``stop`` both count in; one alone leaves the other side open. ``after`` alone, or with
        them for the next page, begins after that EntryID; if this log never gave it, after its time.
        Errors: object-non-existent for an unknown log, ``journal.BAD_RANGE`` for a range that is missing
        or reversed, pdu-size if the first entry alone is larger than a page.
        """
        domain = request.name.domain or ""
        log = self._logs.get(domain, {}).get(f"{domain}/{request.name.item}")
        return OBJECT_NON_EXISTENT if log is None else log.query(request, size)

    def tick(self, moment: Moment) -> list[Effect]:
        """Give what was observed its time and keep it; then entries of integrity periods that are over.

        Nothing is sent: the list is empty. A buffer that cannot store an entry does not stop the others.
        """
        while self._observed:
            self._keep(*self._observed.popleft(), moment)
        for block in self._blocks.values():
            members = block.integrity(moment.now)
            if members:
                self._keep(block.log, members, moment)
        return []

    def next_tick(self) -> float | None:
        """When ``tick`` has something to do, seconds since 1970 UTC: 0.0 at once, None never."""
        if self._observed:
            return 0.0
        times: Iterable[float | None] = (block.next_integrity() for block in self._blocks.values())
        return min((time for time in times if time is not None), default=None)

    def _keep(self, log: Log, members: Sequence[Logged], moment: Moment) -> None:
        try:
            log.append(moment.now, members)
        except OSError:
            self.unstored += 1

    def _watch(self, changes: Sequence[Change]) -> None:
        for block in self._blocks.values():
            members = block.observe(changes)
            if members:
                if len(self._observed) >= MAX_OBSERVED:
                    self._observed.popleft()
                    self.unstored += 1
                self._observed.append((block.log, members))

    def _uses(self, ld: str, item: str) -> bool:
        return any(block.data_set == f"{ld}/{item}" for block in self._blocks.values())
