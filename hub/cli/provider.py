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
from hub.cli.enrolment import new_code, require_own_domain, show_code, until_option
from hub.cli.grant import grant_json, show_grants
from hub.cli.output import show_json, show_record, show_table
from hub.cli.times import local_time, utc_time
from hub.cli.ways_in import way_json, way_state
from hub.registry import (
    GrantRecord,
    Holder,
    ProviderRow,
    add_provider,
    get_provider,
    list_grants,
    list_providers,
    remove_provider,
)
from hub.registry.ways_in import WayIn, ways_of_providers
from hub.roster import Provider

NONE_YET = "No providers yet. Add one: hphub provider add agg --jid control@aggregator.example"


@click.group("provider")
def provider_commands() -> None:
    """Service providers: who may be granted rights on heat pumps. A box sees them as ID@HUB-DOMAIN."""


@provider_commands.command("add")
@click.argument("id_", metavar="ID")
@click.option("--jid", help="The provider's account, on any XMPP domain but the hub's.")
@click.option("--name", default="", help="Its name, for people.")
@click.option("--enrol", "with_code", is_flag=True, help="Make a one-time code for the provider, too.")
@until_option
@json_option
@config_option
def add(id_: str, jid: str | None, name: str, with_code: bool, until: float, as_json: bool) -> None:
    """Add a provider. It may do nothing before `hphub grant add`.

    With --enrol a one-time code is printed, as text and, on a terminal, as QR code: `hpclient enrol CODE` on
    the provider's machine does the rest. The account can be left out then; it is ID at the hub's domain of
    providers.

    \b
    Example:
      hphub provider add agg --jid control@aggregator.example --name "Aggregator Ltd"
      hphub provider add heatwatch --enrol
    """
    config = load_config()
    made = new_code(config, until, provider=True) if with_code else None
    if jid is None:
        if made is None:
            raise click.UsageError("give the provider's account, --jid JID, or --enrol for a new one")
        jid = f"{id_}@{config.enrolment.provider_domain}"
    new = Provider(id_, jid)

    def apply(session: Session) -> ProviderRow:
        row = add_provider(session, new, hub_domain=config.domain, now=now(), name=name)
        if made is not None:
            holder = Holder(provider=row.id)
            require_own_domain(config, holder, row.jid)
            made.keep(session, holder)
        return row

    code = f", enrolment code {made.code.identity.hex()}" if made else ""
    row = change(apply, lambda row: _entry("provider add", row, f"JID {row.jid}{code}"))
    if not as_json:
        click.echo(f"Provider {row.id} added, its account is {row.jid}.")
    if made is not None:
        show_code(made, Holder(provider=row.id), row.jid, as_json=as_json)
    elif as_json:
        show_json(_json(row, None, now()))


@provider_commands.command("list")
@json_option
@config_option
def list_(as_json: bool) -> None:
    """List all providers and how they get in: by certificate until when, by a code nobody used yet, by
    password (also where their own server decides), or not at all.

    \b
    Example:
      hphub provider list --json
    """
    at = now()
    found = read(_with_ways, at)
    if as_json:
        show_json([_json(row, way, at) for row, way in found])
        return
    show_table(
        ("id", "jid", "name", "state", "certificate", "added"),
        [
            [
                row.id,
                way.account,
                row.name,
                way_state(way, at),
                local_time(way.certificate_ends),
                local_time(row.created),
            ]
            for row, way in found
        ],
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
    way = next(way for one, way in read(_with_ways, at) if one.id == id_)
    if as_json:
        show_json({**_json(row, way, at), "grants": [grant_json(grant, at) for grant in granted]})
        return
    show_record(
        {
            "id": row.id,
            "jid": way.account,
            "name": row.name,
            "state": way_state(way, at),
            "certificate": local_time(way.certificate_ends),
            "added": local_time(row.created),
        }
    )
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


def _with_ways(session: Session, at: float) -> list[tuple[ProviderRow, WayIn]]:
    return list(zip(list_providers(session), ways_of_providers(session, at), strict=True))


def _json(row: ProviderRow, way: WayIn | None, at: float) -> dict[str, Any]:
    ways = {"id": row.id, "jid": row.jid} if way is None else way_json(way, "jid", at)
    return {**ways, "name": row.name, "created": utc_time(row.created)}


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
