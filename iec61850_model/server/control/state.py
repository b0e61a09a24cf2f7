"""What one controllable data object has going on: a selection, a command that waits, one that runs."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from iec61850_model.server.control.command import Client, Command
from iec61850_model.server.control.limits import REMEMBERED
from iec61850_model.values import AddCause


@dataclass(slots=True)
class Selection:
    """An object held for one client until a time; ``command``: what SelectWithValue said."""

    client: Client
    until: float
    command: Command | None = None


@dataclass(slots=True)
class Pending:
    """A time-activated operate that waits for its operTm."""

    command: Command
    client: Client
    identity: Hashable


@dataclass(slots=True)
class Execution:
    """A command the process has been asked to carry out.

    ``awaited``: the answer of the operate waits for it (normal security). Otherwise a termination tells the
    client: ``timed`` TimeActivatedOperateTermination, else CommandTermination. ``deadline``: the end of
    operTimeout; ``overdue``: it was told that this is over.
    """

    key: int
    command: Command
    client: Client
    identity: Hashable
    awaited: bool
    timed: bool
    deadline: float | None = None
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class Remembered:
    """How a command ended, for its repeats: ``cause`` None is well. ``told``: by a termination."""

    at: float
    command: Command
    cause: AddCause | None = None
    told: bool = False
    timed: bool = False


@dataclass(slots=True)
class ObjectState:
    """One controllable data object."""

    selection: Selection | None = None
    pending: Pending | None = None
    execution: Execution | None = None
    remembered: dict[Hashable, Remembered] = field(default_factory=dict)

    def forget(self, now: float) -> None:
        """Drop what no repeat with a fresh T can name any more."""
        for identity in [key for key, one in self.remembered.items() if now - one.at > REMEMBERED]:
            del self.remembered[identity]

    def selected(self, now: float) -> Selection | None:
        """The selection that holds now."""
        return self.selection if self.selection is not None and now < self.selection.until else None
