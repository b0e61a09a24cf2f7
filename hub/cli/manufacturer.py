"""``hphub manufacturer``: who has boxes on an XMPP domain of his own."""

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
from hub.cli.output import show_json, show_record, show_table
from hub.cli.times import local_time, utc_time
from hub.registry import COLLECTOR, HeatPumpRow, Presence, live_routers
from hub.registry.manufacturers import (
    Manufacturer,
    NewManufacturer,
    add_manufacturer,
    boxes_of,
    get_manufacturer,
    list_manufacturers,
    remove_manufacturer,
)
from hub.roster import LinkState

NONE_YET = "No manufacturers yet. Add one: hphub manufacturer add maker --domain maker.example"
NO_BOXES = "No boxes on its domain yet. Add one: hphub heatpump add hp0001 --box box0001@"
ACCOUNT = "service"
"""Localpart of a manufacturer's account if none is given."""


@click.group("manufacturer")
def manufacturer_commands() -> None:
    """Manufacturers: they have boxes on a domain of their own and see the technical state of these."""


@manufacturer_commands.command("add")
@click.argument("id_", metavar="ID")
@click.option("--domain", required=True, help="The XMPP domain on which its boxes have their accounts.")
@click.option("--jid", default="", help=f"Its own account there.  [default: {ACCOUNT}@DOMAIN]")
@click.option("--name", default="", help="Its name, for people.")
@config_option
def add(id_: str, domain: str, jid: str, name: str) -> None:
    """Add a manufacturer. It may read the technical state of the boxes on its domain, also of later ones.

    That is link state, name plates and software, health, clock, link and alarms: no measurement, no set
    point, nothing that tells of the people in the house; and it may steer nothing. It reads as a provider
    does, with hpclient. See docs/federation.md for what its XMPP server needs.

    \b
    Example:
      hphub manufacturer add maker --domain maker.example --name "Maker Ltd"
    """
    made, boxes = change(
        add_manufacturer,
        lambda added: _entry("manufacturer add", added[0].id, added[0].jid, f"domain {added[0].domain}"),
        NewManufacturer(id_, domain, jid or f"{ACCOUNT}@{domain}", name),
        hub_domain=load_config().domain,
        now=now(),
    )
    click.echo(
        f"Manufacturer {made.id} added, its account is {made.jid}. It may see the boxes on {made.domain}:"
        f" {boxes} now."
    )


@manufacturer_commands.command("list")
@json_option
@config_option
def list_(as_json: bool) -> None:
    """List all manufacturers.

    \b
    Example:
      hphub manufacturer list --json
    """
    found = read(list_manufacturers)
    if as_json:
        show_json([_json(one) for one in found])
        return
    show_table(
        ("id", "domain", "jid", "name", "added"),
        [[one.id, one.domain, one.jid, one.name, local_time(one.created)] for one in found],
        empty=NONE_YET,
    )


@manufacturer_commands.command("status")
@click.argument("id_", metavar="ID")
@json_option
@config_option
def status(id_: str, as_json: bool) -> None:
    """Show the boxes on a manufacturer's domain and their links, without what is personal (notes, grants).

    Software, health and alarms are read from the boxes themselves, by the manufacturer with its account:

    \b
    Examples:
      hphub manufacturer status maker
      hpclient read hp0001 LD0/LLN0.NamPlt
    """
    one, boxes = read(_with_boxes, id_, now())
    if as_json:
        show_json({**_json(one), "boxes": [_box_json(row, known) for row, known in boxes]})
        return
    online = sum(_state(known) == LinkState.ONLINE.value for _, known in boxes)
    show_record({"id": one.id, "domain": one.domain, "boxes": str(len(boxes)), "online": str(online)})
    click.echo()
    show_table(
        ("heat pump", "box", "presence", "since", "last seen"),
        [
            [row.id, row.box, _state(known), local_time(_since(known)), local_time(_last_seen(known))]
            for row, known in boxes
        ],
        empty=f"{NO_BOXES}{one.domain}",
    )


@manufacturer_commands.command("remove")
@click.argument("id_", metavar="ID")
@yes_option
@config_option
def remove(id_: str, yes: bool) -> None:
    """Remove a manufacturer: it sees nothing any more. Its boxes stay until `hphub heatpump remove`.

    \b
    Example:
      hphub manufacturer remove maker --yes
    """
    one = read(get_manufacturer, id_)
    confirm(f"Remove manufacturer {id_}? The heat pumps on {one.domain} stay.", yes)
    _, ended = change(
        remove_manufacturer,
        lambda removed: _entry(
            "manufacturer remove", removed[0].id, removed[0].jid, f"{removed[1]} grants ended"
        ),
        id_,
        now=now(),
    )
    click.echo(f"Manufacturer {id_} removed; {ended} grants ended.")


def _with_boxes(
    session: Session, id_: str, at: float
) -> tuple[Manufacturer, list[tuple[HeatPumpRow, Presence | None]]]:
    one = get_manufacturer(session, id_)
    found = boxes_of(session, one.domain)
    # Routers keep presence up to date: without a live one, nothing is known.
    watched = live_routers(session, at).keys() - {COLLECTOR}
    return one, found if watched else [(row, None) for row, _ in found]


def _state(known: Presence | None) -> str:
    return (known.state if known else LinkState.UNKNOWN).value


def _since(known: Presence | None) -> float | None:
    return known.since if known else None


def _last_seen(known: Presence | None) -> float | None:
    """Until when the box is known to have been online; one that is, now."""
    if known is None:
        return None
    return now() if known.state is LinkState.ONLINE else known.seen


def _json(one: Manufacturer) -> dict[str, Any]:
    return {
        "id": one.id,
        "domain": one.domain,
        "jid": one.jid,
        "name": one.name,
        "created": utc_time(one.created),
    }


def _box_json(row: HeatPumpRow, known: Presence | None) -> dict[str, Any]:
    return {
        "id": row.id,
        "box": row.box,
        "presence": _state(known),
        "since": utc_time(_since(known)),
        "last_seen": utc_time(_last_seen(known)),
    }


def _entry(service: str, id_: str, jid: str, detail: str) -> AuditEntry:
    return AuditEntry(
        at=now(),
        kind=AuditKind.OPERATOR,
        provider=id_,
        provider_jid=jid,
        service=service,
        detail=detail,
        actor=operator(),
    )
