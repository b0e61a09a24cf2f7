"""``hphub provider``: which service providers the hub knows."""

from __future__ import annotations

from typing import Any

import click
from sqlalchemy.orm import Session

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
from hub.cli.grant import grant_json, show_grants
from hub.cli.output import show_json, show_record, show_table
from hub.cli.times import local_time, utc_time
from hub.registry import (
    GrantRecord,
    ProviderRow,
    add_provider,
    get_provider,
    list_grants,
    list_providers,
    remove_provider,
)
from hub.roster import Provider

NONE_YET = "No providers yet. Add one: hphub provider add agg --jid control@aggregator.example"


@click.group("provider")
def provider_commands() -> None:
    """Service providers: who may be granted rights on heat pumps. A box sees them as ID@HUB-DOMAIN."""


@provider_commands.command("add")
@click.argument("id_", metavar="ID")
@click.option("--jid", required=True, help="The provider's account, on any XMPP domain but the hub's.")
@click.option("--name", default="", help="Its name, for people.")
@config_option
def add(id_: str, jid: str, name: str) -> None:
    """Add a provider. It may do nothing before `hphub grant add`.

    \b
    Example:
      hphub provider add agg --jid control@aggregator.example --name "Aggregator Ltd"
    """
    row = change(
        add_provider,
        lambda row: _entry("provider add", row, f"JID {row.jid}"),
        Provider(id_, jid),
        hub_domain=load_config().domain,
        now=now(),
        name=name,
    )
    click.echo(f"Provider {row.id} added, its account is {row.jid}.")


@provider_commands.command("list")
@json_option
@config_option
def list_(as_json: bool) -> None:
    """List all providers.

    \b
    Example:
      hphub provider list --json
    """
    found = read(list_providers)
    if as_json:
        show_json([_json(row) for row in found])
        return
    show_table(
        ("id", "jid", "name", "added"),
        [[row.id, row.jid, row.name, local_time(row.created)] for row in found],
        empty=NONE_YET,
    )


@provider_commands.command("show")
@click.argument("id_", metavar="ID")
@json_option
@config_option
def show(id_: str, as_json: bool) -> None:
    """Show one provider with its grants.

    \b
    Example:
      hphub provider show agg
    """
    at = now()
    row, granted = read(_one, id_, at)
    if as_json:
        show_json({**_json(row), "grants": [grant_json(grant, at) for grant in granted]})
        return
    show_record({"id": row.id, "jid": row.jid, "name": row.name, "added": local_time(row.created)})
    click.echo()
    show_grants(
        granted, at, empty=f"No grants. Give one: hphub grant add {row.id} HEATPUMP --right read --until 30d"
    )


@provider_commands.command("remove")
@click.argument("id_", metavar="ID")
@yes_option
@config_option
def remove(id_: str, yes: bool) -> None:
    """Remove a provider; its grants end with it.

    \b
    Example:
      hphub provider remove agg --yes
    """
    granted = read(_one, id_, now())[1]
    confirm(f"Remove provider {id_} and its {len(granted)} grants?", yes)
    _, ended = change(
        remove_provider,
        lambda removed: _entry("provider remove", removed[0], f"{removed[1]} grants ended"),
        id_,
        now=now(),
    )
    click.echo(f"Provider {id_} removed; {ended} grants ended.")


def _one(session: Session, id_: str, at: float) -> tuple[ProviderRow, list[GrantRecord]]:
    return get_provider(session, id_), list_grants(session, provider=id_, now=at)


def _json(row: ProviderRow) -> dict[str, Any]:
    return {"id": row.id, "jid": row.jid, "name": row.name, "created": utc_time(row.created)}


def _entry(service: str, row: ProviderRow, detail: str) -> AuditEntry:
    return AuditEntry(
        at=now(),
        kind=AuditKind.OPERATOR,
        provider=row.id,
        provider_jid=row.jid,
        service=service,
        detail=detail,
        actor=operator(),
    )
