"""``hphub consent`` and ``hphub reminder``: what rests on consent, and who is to hear that it ends."""

from __future__ import annotations

from typing import Any

import click

from hub.cli.context import change, config_option, json_option, now, read
from hub.cli.grant import grant_json
from hub.cli.output import show_json, show_table
from hub.cli.person import person_entry
from hub.cli.times import When, local_time, utc_time
from hub.registry.consent_ends import (
    Reminder,
    list_consents,
    reminder_told,
    reminders_due,
    reminders_told,
)

COLUMNS = ("grant", "provider", "heat pump", "purpose", "ends", "person", "contact", "jid", "told")


@click.group("consent")
def consent_commands() -> None:
    """Consents: grants that an owner gave, or that are for a purpose which needs his consent."""


@consent_commands.command("list")
@click.option("--ending", type=When(1), help="Only those that end by then, e.g. 30d or 2027-03-01.")
@json_option
@config_option
def list_(ending: float | None, as_json: bool) -> None:
    """List consents in force, the first to end first, with the owners' ids.

    \b
    Example:
      hphub consent list --ending 30d
    """
    at = now()
    found = read(list_consents, now=at, ending=ending)
    if as_json:
        show_json([{**grant_json(one.grant, at), "people": list(one.people)} for one in found])
        return
    show_table(
        ("grant", "provider", "heat pump", "purpose", "ground", "until", "people"),
        [
            [
                str(one.grant.key), one.grant.provider, one.grant.on, one.grant.purpose, one.grant.ground,
                local_time(one.grant.until), " ".join(one.people),
            ]
            for one in found
        ],
        empty="No consent ends by then." if ending else "Nothing rests on consent.",
    )  # fmt: skip


@click.group("reminder")
def reminder_commands() -> None:
    """Reminders: an owner hears 30 days before it that a consent ends. Whoever tells him records it here."""


@reminder_commands.command("due")
@json_option
@config_option
def due(as_json: bool) -> None:
    """List who is to be reminded of which consent and has not been. One whose owner nobody knows is in
    `hphub consent list --ending 30d` only.

    \b
    Example:
      hphub reminder due --json
    """
    _show(read(reminders_due, now=now()), as_json, "Nobody is to be reminded now.")


@reminder_commands.command("list")
@json_option
@config_option
def told_list(as_json: bool) -> None:
    """List who was reminded of what, the last one first.

    \b
    Example:
      hphub reminder list
    """
    _show(read(reminders_told), as_json, "Nobody was reminded of anything yet.")


@reminder_commands.command("told")
@click.argument("grant", type=int)
@click.argument("person")
@config_option
def told(grant: int, person: str) -> None:
    """Record that PERSON was told that GRANT ends.

    \b
    Example:
      hphub reminder told 12 p-7d01c3a95e
    """
    done = change(
        reminder_told,
        lambda done: person_entry(
            "reminder told",
            done.person.id,
            f"grant {done.grant.key} ends {utc_time(done.ends)}",
            done.grant.on,
        ),
        grant,
        person,
        now=now(),
    )
    click.echo(
        f"Recorded: {done.person.id} was told that grant {done.grant.key} ends {local_time(done.ends)}."
    )


def _show(found: list[Reminder], as_json: bool, empty: str) -> None:
    if as_json:
        show_json([_json(one) for one in found])
        return
    rows = [
        [
            str(one.grant.key), one.grant.provider, one.grant.on, one.grant.purpose, local_time(one.ends),
            one.person.id, one.person.data.contact, one.person.data.jid, local_time(one.told_at),
        ]
        for one in found
    ]  # fmt: skip
    show_table(COLUMNS, rows, empty=empty)


def _json(one: Reminder) -> dict[str, Any]:
    return {
        "grant": one.grant.key,
        "provider": one.grant.provider,
        "on": one.grant.on,
        "purpose": one.grant.purpose,
        "ends": utc_time(one.ends),
        "person": one.person.id,
        "name": one.person.data.name,
        "contact": one.person.data.contact,
        "jid": one.person.data.jid,
        "told": utc_time(one.told_at),
    }
