"""``hphub person``: the people who own heat pumps."""

from __future__ import annotations

from typing import Any

import click

from hub.audit import AuditEntry, AuditKind
from hub.cli.context import (
    change,
    config_option,
    confirm,
    json_option,
    load_config,
    now,
    operator,
    read,
    yes_option,
)
from hub.cli.output import show_json, show_record, show_table
from hub.cli.times import local_time, utc_time
from hub.registry.people import (
    Ownership,
    Person,
    PersonalData,
    add_person,
    get_person,
    list_people,
    remove_person,
    set_account,
)

NONE_YET = "No people yet. Add one: hphub person add --name 'Kim Berg' --contact kim@post.example"


@click.group("person")
def person_commands() -> None:
    """People: the owners of heat pumps. Names stand in the registry alone; everywhere else, the audit too, is
    an id that tells nothing.
    """


@person_commands.command("add")
@click.option("--name", required=True, help="The person's name.")
@click.option("--contact", default="", help="How he is reached: mail, telephone or address.")
@click.option("--jid", default="", help="His XMPP account, if he has one.")
@json_option
@config_option
def add(name: str, contact: str, jid: str, as_json: bool) -> None:
    """Add a person; prints the id that stands for him.

    \b
    Example:
      hphub person add --name 'Kim Berg' --contact kim@post.example
    """
    person = change(
        add_person,
        lambda person: person_entry("person add", person.id),
        PersonalData(name, contact, jid),
        hub_domain=load_config().domain,
        now=now(),
    )
    if as_json:
        show_json(person_json(person))
        return
    click.echo(f"Person {person.id} added. Say what is his: hphub owner add {person.id} HEATPUMP")


@person_commands.command("list")
@json_option
@config_option
def list_(as_json: bool) -> None:
    """List all people with the heat pumps they own now.

    \b
    Example:
      hphub person list --json
    """
    found, at = read(list_people), now()
    if as_json:
        show_json([person_json(person) for person in found])
        return
    show_table(
        ("id", "name", "contact", "jid", "owns", "added"),
        [
            [
                person.id, person.data.name, person.data.contact, person.data.jid,
                " ".join(one.heat_pump for one in person.owns if one.covers(at)), local_time(person.created),
            ]
            for person in found
        ],
        empty=NONE_YET,
    )  # fmt: skip


@person_commands.command("show")
@click.argument("id_", metavar="ID")
@json_option
@config_option
def show(id_: str, as_json: bool) -> None:
    """Show one person and what he owns or owned.

    \b
    Example:
      hphub person show p-7d01c3a95e
    """
    person = read(get_person, id_)
    if as_json:
        show_json(person_json(person))
        return
    data = person.data
    show_record(
        {
            "id": person.id, "name": data.name, "contact": data.contact, "jid": data.jid,
            "added": local_time(person.created),
        }
    )  # fmt: skip
    click.echo()
    show_table(
        ("heat pump", "from", "until"),
        [[one.heat_pump, local_time(one.since), local_time(one.until)] for one in person.owns],
        empty=f"Owns nothing. Say what is his: hphub owner add {person.id} HEATPUMP",
    )


@person_commands.command("account")
@click.argument("id_", metavar="ID")
@click.argument("jid", default="")
@config_option
def account(id_: str, jid: str) -> None:
    """Say which XMPP account is a person's; without JID he has none. With it he can answer for his heat pump
    himself: see docs/chat.md.

    \b
    Example:
      hphub person account p-7d01c3a95e kim@post.example
    """
    person = change(
        set_account,
        lambda person: person_entry("person account", person.id),
        id_,
        jid,
        hub_domain=load_config().domain,
    )
    click.echo(f"{person.id} has {f'the account {person.data.jid}' if person.data.jid else 'no account'}.")


@person_commands.command("remove")
@click.argument("id_", metavar="ID")
@yes_option
@config_option
def remove(id_: str, yes: bool) -> None:
    """Remove a person who never owned a heat pump; `hphub person erase` removes one who did.

    \b
    Example:
      hphub person remove p-7d01c3a95e --yes
    """
    person = read(get_person, id_)
    confirm(f"Remove person {person.id}?", yes)
    change(remove_person, lambda person: person_entry("person remove", person.id), id_)
    click.echo(f"Person {person.id} removed.")


def person_json(person: Person) -> dict[str, Any]:
    """A person for programs."""
    return {
        "id": person.id,
        "name": person.data.name,
        "contact": person.data.contact,
        "jid": person.data.jid,
        "created": utc_time(person.created),
        "owns": [_ownership_json(one) for one in person.owns],
    }


def _ownership_json(one: Ownership) -> dict[str, Any]:
    return {"heatpump": one.heat_pump, "from": utc_time(one.since), "until": utc_time(one.until)}


def person_entry(service: str, id_: str, detail: str = "", heat_pump: str = "") -> AuditEntry:
    """What the audit keeps of a change that concerns a person: his id, and nothing that tells who he is."""
    return AuditEntry(
        at=now(),
        kind=AuditKind.OPERATOR,
        heat_pump=heat_pump,
        service=service,
        detail=f"person {id_}{f', {detail}' if detail else ''}",
        actor=operator(),
    )
