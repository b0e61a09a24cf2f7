"""What a command is made of, and what can come of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from hub.operations.commands.forms import Form, Table, Values
from hub.operations.commands.office import Office
from hub.operations.commands.roles import Role, roles_of
from hub.operations.commands.wire import Note
from hub.registry.operators import Caller


@dataclass(frozen=True, slots=True)
class Done:
    """It is over, well or (``kind`` error) not."""

    note: str
    table: Table | None = None
    kind: Note = Note.INFO


class NotThere(Exception):
    """What was named does not exist, or not for him: nobody learns which of the two."""


class Wrong(Exception):
    """What was filled in will not do, for this reason: he is asked again."""


Ask: TypeAlias = Callable[[Office, Caller, Values], Awaitable[Form | None]]
"""The form of one stage, given what was filled in before; None: there is nothing to ask."""
Do: TypeAlias = Callable[[Office, Caller, Values], Awaitable[Done]]
"""Does it. Raises NotThere, Wrong and what registry and audit raise. Of a stage that was left out, for its
client completed before, values are missing."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command: one form for each stage, and what is done in the end. Who has none of ``roles`` does not
    learn that it exists. What later stages ask has defaults, so a client may complete after the first.
    """

    node: str
    name: str
    roles: frozenset[Role]
    do: Do
    stages: tuple[Ask, ...] = ()

    def allowed(self, caller: Caller) -> bool:
        """This caller may run it."""
        return not self.roles.isdisjoint(roles_of(caller))
