"""All report control blocks of a server, and the services on them (7-2, 17.2; 8-2, 17.1 and 17.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from iec61850_model.blocks import ReportConfig
from iec61850_model.mms.pdu import Data, DataAccessError
from iec61850_model.reference import Reference
from iec61850_model.server.associations import Association
from iec61850_model.server.buffer import EntryBuffer
from iec61850_model.server.control import Client
from iec61850_model.server.effects import Effect, Moment
from iec61850_model.server.reports.attributes import constraint_of, reference_of
from iec61850_model.server.reports.block import ReportBlock
from iec61850_model.server.reports.buffered import BufferedBlock
from iec61850_model.server.reports.observing import Index, MemberSource
from iec61850_model.server.reports.unbuffered import UnbufferedBlock
from iec61850_model.tree import Change, Tree


class Reports:
    """The report control blocks of a server. I/O-free but for the buffers; time is passed in.

    Puts the blocks into the tree under FC BR and RP. ``buffers`` gives the buffer of the block of a reference
    ``AVG/LLN0$BR$brcbAvg01``; ``sizes`` the octets a PDU to a client may have. Observing is immediate, so a
    report has the values of the moment; ``tick`` dates what was observed and sends it. What a client sets
    holds until the server ends. Raises ValueError for a configuration that cannot be.
    """

    def __init__(
        self,
        tree: Tree,
        data_sets: MemberSource,
        configs: Sequence[ReportConfig],
        buffers: Callable[[str], EntryBuffer],
        sizes: Callable[[Client], int],
    ) -> None:
        self._blocks: dict[Reference, ReportBlock] = {}
        # A live value is looked at now or never; what is buffered can wait.
        for config in sorted(configs, key=lambda config: config.buffered):
            place = Reference(config.ld, config.ln, (config.name,), constraint_of(config))
            self._blocks[place] = (
                BufferedBlock(tree, data_sets, config, sizes, buffers(reference_of(config)))
                if config.buffered
                else UnbufferedBlock(tree, data_sets, config, sizes)
            )
        self._index: Index[ReportBlock] | None = None
        data_sets.in_use.append(self._uses)
        data_sets.in_use_of.append(self._uses_of)
        tree.watchers.append(self._observe)

    @property
    def unstored(self) -> int:
        """Entries lost so far because a buffer could not store them, or because nobody ticked."""
        return sum(block.unstored for block in self._blocks.values())

    def reserve(self, reference: str, peer: str) -> None:
        """Keep the block ``AVG/LLN0$BR$brcbAvg01`` for one peer, a bare JID or a domain: ResvTms is -1.

        Without this any client may take a block whose ResvTms is -1, as long as nobody else has it. Raises
        KeyError if there is no such block.
        """
        for block in self._blocks.values():
            if block.reference == reference:
                block.holding.reserved_for = peer
                return
        raise KeyError(reference)

    def write(
        self, client: Client, reference: Reference, data: Data, moment: Moment
    ) -> DataAccessError | None:
        """SetBRCBValues or SetURCBValues of one attribute ``LD/LN.RCB.Attribute[BR]``.

        Returns None when written, otherwise what the client is told; a block is not written as a whole.
        """
        block = self._blocks.get(Reference(reference.ld, reference.ln, reference.path[:1], reference.fc))
        if block is None:
            whole = not reference.path and any(
                (one.ld, one.ln, one.fc) == (reference.ld, reference.ln, reference.fc) for one in self._blocks
            )
            return DataAccessError.OBJECT_ACCESS_DENIED if whole else DataAccessError.OBJECT_NON_EXISTENT
        if len(reference.path) == 1:
            return DataAccessError.OBJECT_ACCESS_DENIED
        error = block.write(client, "$".join(reference.path[1:]), data, moment.now)
        self._index = None
        return error

    def reading(self, client: Client | None) -> None:
        """Somebody is about to read: Owner is empty for anybody but the owner."""
        for block in self._blocks.values():
            block.show_owner(client)

    def tick(self, moment: Moment) -> list[Effect]:
        """Date what was observed; send what is due, live reports first, then a portion of each backlog."""
        effects: list[Effect] = []
        for block in self._blocks.values():
            effects += block.tick(moment.now)
        return effects

    def next_tick(self) -> float | None:
        """When ``tick`` has something to do, seconds since 1970 UTC: 0.0 at once, None never."""
        times = (block.next_tick() for block in self._blocks.values())
        return min((time for time in times if time is not None), default=None)

    def ended(self, associations: Iterable[Association], moment: Moment) -> None:
        """These associations are over, however they ended: nothing is sent in them any more."""
        for one in associations:
            for block in self._blocks.values():
                block.ended(Client(one.peer, one.id), moment.now)
            self._index = None

    def _observe(self, changes: Sequence[Change]) -> None:
        if self._index is None:
            self._index = Index(self._blocks.values())
        for block, members in self._index.heard(changes):
            block.hear(members)

    def _uses(self, ld: str, item: str) -> bool:
        return any(block.uses(f"{ld}/{item}") for block in self._blocks.values())

    def _uses_of(self, client: Client, item: str) -> bool:
        return any(block.uses_of(client, item) for block in self._blocks.values())
