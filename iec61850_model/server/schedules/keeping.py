"""What must outlive a restart so that an accepted schedule goes on (DESIGN section 7, promise 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from iec61850_model.server.schedules.states import ScheduleState
from iec61850_model.values import OrCat


@dataclass(frozen=True, slots=True)
class Kept:
    """A schedule that is enabled, and who enabled it. Its settings are kept as all settings are.

    Where in a run it is follows from its start times and the clock, so it is not kept.
    """

    state: ScheduleState
    or_cat: OrCat = OrCat.NOT_SUPPORTED
    or_ident: bytes = b""


class Keeper(Protocol):
    """Keeps the enabled schedules, by their names such as SCH/EvuFSCH1."""

    @property
    def clock_known(self) -> bool:
        """The clock of this machine was synchronized since it was switched on, as far as was kept."""
        ...

    def kept(self) -> Mapping[str, Kept]:
        """What was kept last."""
        ...

    def keep(self, schedules: Mapping[str, Kept], *, clock_known: bool) -> bool:
        """Keep this in the place of what was kept. True: it survives a power cut from now on, and so do the
        settings written before."""
        ...


@dataclass(slots=True)
class InMemory:
    """A keeper for servers that need none."""

    clock_known: bool = False
    schedules: Mapping[str, Kept] = field(default_factory=dict)

    def kept(self) -> Mapping[str, Kept]:
        """What was kept last."""
        return self.schedules

    def keep(self, schedules: Mapping[str, Kept], *, clock_known: bool) -> bool:
        """Keep this until the process ends."""
        self.schedules, self.clock_known = dict(schedules), clock_known
        return True
