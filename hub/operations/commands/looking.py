"""Commands that change nothing: heat pumps, grants, requests, why something is allowed, who did what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hub.asking import SERVICES, request_for
from hub.explaining import Explanation, explain
from hub.grant_text import rights_shown
from hub.operations.commands.asking import (
    HEAT_PUMP,
    MAX_ROWS,
    heat_pump_field,
    own_field,
    scope_text,
    time_in,
)
from hub.operations.commands.command import Done, NotThere, Wrong
from hub.operations.commands.forms import Field, Form, Kind, Table, Values, cut
from hub.operations.commands.office import Office
from hub.registry import GrantRecord, NotFound, list_grants
from hub.registry.asks import asks_of_owner, asks_of_provider, list_asks
from hub.registry.holdings import holdings
from hub.registry.leaving import held_of
from hub.registry.operators import Caller
from hub.registry.seeing import grants_held, heat_pumps_seen
from hub.seen import SEEN, who_did
from hub.stanzas import escape
from hub.time_text import HOW, far_time
from iec61850_model.reference import InvalidReference

READING = "GetDataValues"
MAX_NOTED = 20
"""Rows told in the note too, for clients that show no tables."""
MAX_TOLD = 200_000
"""Octets of an answer: servers pass on 262,144 octets of another server's, and others choose what stands in
the audit."""
ROUND_A_CELL = 60
"""Characters of markup around a cell."""


# --- heat pumps -------------------------------------------------------------------------------------


async def ask_which(office: Office, caller: Caller, _: Values) -> Form | None:
    """Only where there are too many to show."""
    found = await office.read(heat_pumps_seen, caller, now=office.clock(), most=MAX_ROWS + 1)
    if len(found) <= MAX_ROWS:
        return None
    return Form("Heat pumps", (Field("begins", "Ids that begin with", hint="Such as hp00; empty: all"),))


async def show_heat_pumps(office: Office, caller: Caller, values: Values) -> Done:
    """Those he may know of, and whether their boxes are online."""
    begins = values.one("begins")
    found = await office.read(heat_pumps_seen, caller, now=office.clock(), most=MAX_ROWS + 1, begins=begins)
    rows = [(one.id, one.state.value, far_time(one.since)) for one in found]
    columns = (("heatpump", "Heat pump"), ("state", "State"), ("since", "Since"))
    return _told("Heat pumps", columns, rows, "No heat pumps.")


# --- grants -----------------------------------------------------------------------------------------


async def ask_whose(office: Office, caller: Caller, _: Values) -> Form | None:
    """An operator names what he wants to see."""
    if not caller.operator:
        return None
    pump = await heat_pump_field(office, caller, required=False)
    provider = Field("provider", "Provider", hint="Its id, such as agg")
    return Form("Grants", (pump, provider), "Name one of the two, or both.")


async def show_grants(office: Office, caller: Caller, values: Values) -> Done:
    """Those in force or to come that he holds, that count for what is his, or that an operator asks for."""
    now, found = office.clock(), dict[int, GrantRecord]()
    for one in await _grants(office, caller, values, now):
        found[one.key] = one
    columns = (
        ("key", "Key"), ("provider", "Provider"), ("on", "Heat pump"), ("rights", "Rights"),
        ("scope", "Scope"), ("from", "From"), ("until", "Until"), ("state", "State"), ("purpose", "Purpose"),
    )  # fmt: skip
    rows = [
        (
            str(one.key), one.provider, one.on, rights_shown(one.rights), scope_text(one),
            far_time(one.begins), far_time(one.until), one.state(now), one.purpose,
        )
        for one in sorted(found.values(), key=lambda one: one.key)
    ]  # fmt: skip
    return _told("Grants", columns, rows, "No grants.")


async def _grants(office: Office, caller: Caller, values: Values, now: float) -> list[GrantRecord]:
    pump, provider = values.one(HEAT_PUMP), values.one("provider")
    if caller.operator and pump:
        return await office.read(list_grants, provider=provider or None, heat_pump=pump, now=now)
    if caller.operator and not provider:
        raise Wrong("name a heat pump or a provider")
    provider = provider if caller.operator else caller.provider
    found = []
    if provider:
        found = await office.read(grants_held, provider, now=now, most=MAX_ROWS + 1)
    for own in sorted(caller.owns) if not caller.operator else ():
        found += await office.read(list_grants, heat_pump=own, now=now)
    return found


# --- requests ---------------------------------------------------------------------------------------


async def show_requests(office: Office, caller: Caller, _: Values) -> Done:
    """What waits for a decision of his, and what he asked for himself."""
    now = office.clock()
    found = await office.read(list_asks, now=now) if caller.operator else []
    if not caller.operator and caller.person:
        found = await office.read(asks_of_owner, caller.person, now=now)
    rows = [
        (str(one.key), one.provider, one.on, rights_shown(one.rights), one.purpose, far_time(one.asked))
        for one in found
    ]
    if caller.provider:
        rows += [
            (
                "granted" if one.granted else "waiting", caller.provider, one.wanted,
                rights_shown(one.rights), one.purpose, far_time(one.asked),
            )
            for one in await office.read(asks_of_provider, caller.provider, now=now)
        ]  # fmt: skip
    columns = (
        ("key", "Request"), ("provider", "Provider"), ("on", "Heat pump"), ("rights", "Rights"),
        ("purpose", "Purpose"), ("asked", "Asked"),
    )  # fmt: skip
    return _told("Requests", columns, rows, "No requests.")


# --- explain ----------------------------------------------------------------------------------------


async def ask_explain(office: Office, caller: Caller, _: Values) -> Form:
    """May who do what?"""
    fields = [await heat_pump_field(office, caller)]
    if caller.operator or caller.owns:
        fields.append(Field("provider", "Provider", required=True, hint="Its id, such as agg"))
    services = tuple((one, one) for one in SERVICES)
    fields += [
        Field("reference", "Reference", hint="Such as MET/MMXU1.TotW; empty: whether it is seen at all"),
        Field("service", "Service", Kind.ONE_OF, values=(READING,), options=services),
    ]
    return Form("Explain", tuple(fields), "Whether something is allowed, and by which grant.")


async def do_explain(office: Office, caller: Caller, values: Values) -> Done:
    """The running decision, as the router makes it."""
    now, pump = office.clock(), values.one(HEAT_PUMP)
    decides = caller.operator or pump in caller.owns
    provider = values.one("provider") if decides else caller.provider
    reference, service = values.one("reference"), values.one("service") or READING
    try:
        asked = request_for(service, reference) if reference or service != READING else None
    except (InvalidReference, ValueError) as wrong:
        raise Wrong(str(wrong)) from None
    except KeyError:
        raise Wrong("there is no such service") from None
    try:
        held = await office.read(holdings, provider, pump, now=now)
    except NotFound:
        if caller.operator:
            raise
        raise NotThere from None
    found = explain(asked, held.grants, held.revoked, held.slots, now)
    if not decides and not any(one.live for one in found.parts):
        raise NotThere
    records = {one.key: one for one in held.records}
    rows = [
        (
            str(one.key), records[one.key].on, records[one.key].state(now),
            rights_shown(records[one.key].rights), scope_text(records[one.key]),
            ("allows it" if one.live else "would allow it") if one.allows else one.reason,
        )
        for one in found.parts
    ]  # fmt: skip
    columns = (
        ("key", "Grant"), ("on", "On"), ("state", "State"), ("rights", "Rights"), ("scope", "Scope"),
        ("alone", "By itself"),
    )  # fmt: skip
    return Done(_decision(found), Table("Grants", columns, tuple(rows[-MAX_ROWS:])))


def _decision(found: Explanation) -> str:
    what = " ".join((found.service, *found.references)) or "sees the heat pump"
    if found.allowed:
        return f"Allowed: {what}, by grant {', '.join(map(str, found.by))}."
    return f"Not allowed: {what}: {found.reason}."


# --- who did what -----------------------------------------------------------------------------------


async def ask_seen(office: Office, caller: Caller, _: Values) -> Form:
    """Since when?"""
    since = Field("since", "Since", values=("30d",), hint=f"Such as {HOW}; 30d is 30 days ago")
    return Form("Who read or steered", (replace(own_field(caller, required=False), label="Only"), since))


async def show_seen(office: Office, caller: Caller, values: Values) -> Done:
    """What was done with what is his, or was when it was done. Reading through the router is not written down
    one by one: for that there are the grants.
    """
    now = office.clock()
    since = time_in(values, "since", -1, now) or 0.0
    only = values.one(HEAT_PUMP)
    if only and only not in caller.owns:
        raise NotThere
    held = await office.read(held_of, caller.person, now=now)
    owns = [one for one in held.person.owns if not only or one.heat_pump == only]
    found = [one for one in await office.seen(owns, since) if one.entry.kind in SEEN]
    rows = [
        (
            far_time(one.entry.at), who_did(one), one.entry.heat_pump, one.entry.kind.value,
            one.entry.service, " ".join(one.entry.references), one.entry.detail,
        )
        for one in reversed(found)
    ]  # fmt: skip
    columns = (
        ("at", "Time"), ("who", "Who"), ("heatpump", "Heat pump"), ("what", "What"), ("service", "Service"),
        ("references", "References"), ("detail", "Detail"),
    )  # fmt: skip
    return _told("Who read or steered", columns, rows, "Nobody did anything.")


def _told(
    title: str, columns: tuple[tuple[str, str], ...], rows: Sequence[tuple[str, ...]], empty: str
) -> Done:
    """A table, and its first rows as a note: not every client shows tables."""
    if not rows:
        return Done(empty)
    shown, left = [], MAX_TOLD
    for number, row in enumerate(rows[:MAX_ROWS]):
        took = sum(len(escape(cut(cell)).encode()) + ROUND_A_CELL for cell in row)
        left -= 2 * took if number < MAX_NOTED else took
        if left < 0:
            break
        shown.append(row)
    lines = ["  ".join(cut(cell) or "-" for cell in row) for row in shown[:MAX_NOTED]]
    if len(shown) < len(rows):
        lines.append("There are more than can be shown: ask for fewer.")
    return Done("\n".join(lines), Table(title, columns, tuple(shown)))
