"""Unbuffered report control blocks: what nobody is sent is gone (7-2, 17.2)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from iec61850_model.blocks import ReportConfig
from iec61850_model.mms.pdu import DataAccessError
from iec61850_model.server.buffer import Entry, Member
from iec61850_model.server.control import Client
from iec61850_model.server.effects import Effect
from iec61850_model.server.reports.block import ReportBlock
from iec61850_model.server.reports.observing import MemberSource, Watched
from iec61850_model.tree import Tree
from iec61850_model.types import Value

MAX_READY = 1_024
"""Reports that wait for the next ``tick``; the oldest go. A shell that ticks when told to has few."""
_NO_NUMBER = 0


class UnbufferedBlock(ReportBlock):
    """One URCB."""

    max_sq_num = (1 << 8) - 1

    def __init__(
        self, tree: Tree, data_sets: MemberSource, config: ReportConfig, sizes: Callable[[Client], int]
    ) -> None:
        super().__init__(tree, data_sets, config, sizes)
        self._ready: deque[Entry] = deque(maxlen=MAX_READY)

    @property
    def listening(self) -> Watched | None:
        """The data set while it is enabled."""
        return self._watched if self.enabled else None

    def _apply(self, attribute: str, value: Value, client: Client, now: float) -> DataAccessError | None:
        match attribute, value:
            case "Resv", True:
                if client.association is None:
                    return DataAccessError.OBJECT_ACCESS_DENIED
                self.holding.take(client, asked_for=True)
                self._show("Resv", True)
                return None
            case "Resv", _:
                self._release()
                self._forget_own_data_set()
                return None
        return super()._apply(attribute, value, client, now)

    def _changed(self, attribute: str) -> None:
        """Nothing is kept that a setting could spoil."""

    def _start(self) -> None:
        self._show("Resv", True)

    def _stop(self, now: float, *, lost: bool) -> None:
        super()._stop(now, lost=lost)
        self._open = None
        self._ready.clear()

    def _release(self) -> None:
        super()._release()
        self._show("Resv", False)

    def _begin(self, now: float, members: Sequence[Member]) -> Entry | None:
        return Entry(_NO_NUMBER, now, tuple(members))

    def _join(self, before: Entry, after: Entry) -> Entry:
        return after

    def _closed(self, entry: Entry) -> None:
        if len(self._ready) == MAX_READY:
            self._missed()
        self._ready.append(entry)

    def _missed(self) -> None:
        self.unstored += 1

    def _reports(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        while self._ready:
            effects += self._send(self._ready.popleft(), entry_id=None, buf_ovfl=False)
        return effects

    def _due(self) -> Iterable[float | None]:
        yield from super()._due()
        yield 0.0 if self._ready else None
