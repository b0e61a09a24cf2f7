"""Questions and checks that several commands share."""

from __future__ import annotations

from collections.abc import Iterable

from hub.operations.commands.command import NotThere, Wrong
from hub.operations.commands.forms import Field, Kind, Values
from hub.operations.commands.office import Office
from hub.registry import GrantRecord
from hub.registry.operators import Caller
from hub.registry.seeing import heat_pumps_seen
from hub.roster import Right
from hub.time_text import HOW, parsed_time

HEAT_PUMP = "heatpump"
MAX_OPTIONS = 50
"""Things to choose from in a list; where there are more, the id is typed."""
MAX_ROWS = 100
"""Rows of one table: with all markup some 60 kB, which servers pass on."""
RIGHTS = tuple((right.value, right.value) for right in Right)


async def heat_pump_field(office: Office, caller: Caller, *, required: bool = True) -> Field:
    """Which heat pump? One of those he may know of."""
    found = await office.read(heat_pumps_seen, caller, now=office.clock(), most=MAX_OPTIONS + 1)
    only = (found[0].id,) if len(found) == 1 and required else ()
    if len(found) > MAX_OPTIONS or (caller.operator and not required):
        return Field(HEAT_PUMP, "Heat pump", Kind.TEXT, required, only, hint="Its id, such as hp0001")
    options = tuple((one.id, f"{one.id} ({one.state})") for one in found)
    return Field(HEAT_PUMP, "Heat pump", Kind.ONE_OF, required, only, options)


def own_field(caller: Caller, *, required: bool = True) -> Field:
    """Which of his own heat pumps?"""
    owns = sorted(caller.owns)
    only = (owns[0],) if len(owns) == 1 and required else ()
    if len(owns) > MAX_OPTIONS:
        return Field(HEAT_PUMP, "Heat pump", Kind.TEXT, required, hint="Its id, such as hp0001")
    return Field(HEAT_PUMP, "Heat pump", Kind.ONE_OF, required, only, tuple((one, one) for one in owns))


def may_decide(caller: Caller, heat_pump: str) -> None:
    """Raise NotThere unless he is an operator, or it is his."""
    if not caller.operator and heat_pump not in caller.owns:
        raise NotThere


def chosen_rights(given: Iterable[str]) -> frozenset[Right]:
    """Rights by their names; raises Wrong."""
    try:
        return frozenset(Right(one) for one in given)
    except ValueError:
        raise Wrong(f"a right is one of {', '.join(Right)}") from None


def time_in(values: Values, name: str, direction: int, now: float) -> float | None:
    """The time in a field, None if it is empty; raises Wrong."""
    text = values.one(name)
    try:
        return parsed_time(text, direction, now) if text else None
    except ValueError as wrong:
        raise Wrong(str(wrong)) from None


def until_field(label: str, default: str = "") -> Field:
    """When does it end?"""
    return Field("until", label, values=(default,) if default else (), hint=f"Such as {HOW}")


def key_in(values: Values) -> int:
    """The key in the field ``key``; raises NotThere for what is none."""
    text = values.one("key")
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise NotThere
    return int(text)


def scope_text(record: GrantRecord) -> str:
    """Where a grant counts."""
    return ", ".join(record.scope) or "everything"
