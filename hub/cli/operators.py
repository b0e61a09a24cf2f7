"""``hphub operator``: who administers the hub by XMPP."""

from __future__ import annotations

from collections.abc import Callable

import click

from hub.audit import AuditEntry
from hub.cli.context import change, config_option, json_option, now, read
from hub.cli.output import show_json, show_table
from hub.cli.person import person_entry
from hub.cli.times import local_time, utc_time
from hub.registry.operators import add_operator, list_operators, remove_operator
from hub.registry.people import Person

NONE_YET = "No operators by XMPP. Name one: hphub operator add PERSON"


@click.group("operator")
def operator_commands() -> None:
    """Operators by XMPP: people who may give all commands at ops.HUB-DOMAIN with an ordinary client.

    Without one it is this command line alone that administers the hub.
    """


@operator_commands.command("add")
@click.argument("person")
@config_option
def add(person: str) -> None:
    """Let PERSON, who needs an XMPP account, administer the hub with it. Whoever has the account can.

    \b
    Example:
      hphub person add --name 'Kim Berg' --jid kim@office.example
      hphub operator add p-7d01c3a95e
    """
    who = change(add_operator, _entry("operator add"), person, now=now())
    click.echo(f"{who.id} administers the hub from {who.data.jid} from now on.")


@operator_commands.command("remove")
@click.argument("person")
@config_option
def remove(person: str) -> None:
    """Take that away from PERSON; what he has begun is over too.

    \b
    Example:
      hphub operator remove p-7d01c3a95e
    """
    who = change(remove_operator, _entry("operator remove"), person)
    click.echo(f"{who.id} is no operator any more.")


@operator_commands.command("list")
@json_option
@config_option
def list_(as_json: bool) -> None:
    """List who administers the hub by XMPP.

    \b
    Example:
      hphub operator list
    """
    found = read(list_operators)
    if as_json:
        show_json([{"person": one.id, "jid": one.data.jid, "since": utc_time(since)} for one, since in found])
        return
    show_table(
        ("person", "name", "jid", "since"),
        [[one.id, one.data.name, one.data.jid, local_time(since)] for one, since in found],
        empty=NONE_YET,
    )


def _entry(service: str) -> Callable[[Person], AuditEntry]:
    return lambda person: person_entry(service, person.id)
