"""How much of the reports that somebody relies on waits to be fetched: the alarm before the oldest go."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from device_agent.buffer import Buffers
from device_agent.stored_buffer import StoredBuffer
from iec61850_model.blocks import ReportConfig
from iec61850_model.reference import Reference
from iec61850_model.server.buffer import Entry
from iec61850_model.tree import Leaf, Tree
from iec61850_model.values import FunctionalConstraint, Timestamp

log = structlog.get_logger()

ALARM_AT = 0.9
"""Part of a buffer's room from which on the box gives an alarm."""
ALARM_OVER = 0.8
"""Part of it below which the alarm is over: it does not come and go with each report."""
RESERVED = -1
"""ResvTms of a block that is reserved in the model: for the collector (7-2, 17.2)."""


class Backlog:
    """Watches the buffered report control blocks that are reserved in the model for somebody.

    Others may never have a reader: that their oldest entries go is no fault. What was sent once does not
    wait, though it is kept for somebody who asks for it again.
    """

    def __init__(self, tree: Tree, blocks: Iterable[ReportConfig], buffers: Buffers) -> None:
        self.waiting = 0.0
        """The part of its room that the fullest has waiting, 0..1."""
        self.alarm = False
        self._watched = [_Watched(tree, one, buffers) for one in blocks if is_reserved(one)]

    def refresh(self) -> None:
        """Look at the buffers now."""
        self.waiting = max((one.waiting() for one in self._watched), default=0.0)
        if not self.alarm and self.waiting >= ALARM_AT:
            self.alarm = True
            log.warning("reports wait for the collector: when there is no more room, the oldest go",
                        percent=round(100 * self.waiting))  # fmt: skip
        elif self.alarm and self.waiting < ALARM_OVER:
            self.alarm = False
            log.info("the reports that waited are sent", percent=round(100 * self.waiting))

    @property
    def told_until(self) -> float | None:
        """The latest time stamp in the newest entries, UTC seconds: the end of the last interval that was
        told and is kept. None: none is."""
        newest = (one.newest for one in self._watched)
        stamps = (one.value.value for entry in newest if entry is not None for one in entry.members)
        return max((stamp.unix for stamp in stamps if isinstance(stamp, Timestamp)), default=None)


def is_reserved(block: ReportConfig) -> bool:
    """Whether the model reserves this block: its entries are for somebody who will come."""
    return block.buffered and block.resv_tms == RESERVED


def name_of(block: ReportConfig) -> str:
    """The reference of a buffered block, e.g. ``AVG/LLN0$BR$brcbAvg01``."""
    return f"{block.ld}/{block.ln}$BR${block.name}"


class _Watched:
    """RptEna and EntryID of a block say what was sent: EntryID is the last one while it is enabled."""

    def __init__(self, tree: Tree, block: ReportConfig, buffers: Buffers) -> None:
        place = Reference(block.ld, block.ln, (block.name,), FunctionalConstraint.BR)
        self._enabled, self._sent = (tree.find(place.child(name)) for name in ("RptEna", "EntryID"))
        self._buffer: StoredBuffer = buffers.of(name_of(block))

    @property
    def newest(self) -> Entry | None:
        return self._buffer.last

    def waiting(self) -> float:
        assert isinstance(self._enabled, Leaf) and isinstance(self._sent, Leaf)
        if self._enabled.value is True and isinstance(self._sent.value, bytes):
            self._buffer.note_sent(int.from_bytes(self._sent.value))
        return self._buffer.waiting
