"""``hphub heatpump``: which heat pumps the hub knows."""

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
from hub.cli.enrolment import enrol, new_code, require_own_domain, show_code, until_option
from hub.cli.grant import grant_json, show_grants
from hub.cli.output import show_json, show_record, show_table
from hub.cli.settings_text import restoring_text
from hub.cli.times import local_time, utc_time
from hub.registry import (
    COLLECTOR,
    GrantRecord,
    HeatPumpRow,
    Holder,
    Presence,
    add_heat_pump,
    get_heat_pump,
    list_grants,
    list_heat_pumps,
    live_routers,
    presence,
    remove_heat_pump,
)
from hub.registry.settings import settings_of
from hub.roster import HeatPump, LinkState

NONE_YET = "No heat pumps yet. Add one: hphub heatpump add hp0001 --box box0001@boxes.example.org"


@click.group("heatpump")
def heatpump_commands() -> None:
    """Heat pumps: each is reached at ID@HUB-DOMAIN and stands for a box with an account of its own."""


@heatpump_commands.command("add")
@click.argument("id_", metavar="ID")
@click.option("--box", metavar="JID", help="The box's account, on any XMPP domain but the hub's.")
@click.option("--note", default="", help="A line for people, e.g. where it stands.")
@click.option("--enrol", "with_code", is_flag=True, help="Make a one-time code for the box, too.")
@until_option
@json_option
@config_option
def add(id_: str, box: str | None, note: str, with_code: bool, until: float, as_json: bool) -> None:
    """Add a heat pump. Nobody may use it before `hphub grant add`.

    With --enrol a one-time code is printed, as text and, on a terminal, as QR code: `hpbox enrol CODE` on the
    box does the rest. The account can be left out then; it is ID at the hub's domain of boxes.

    \b
    Example:
      hphub heatpump add hp0001 --box box0001@boxes.example.org
      hphub heatpump add hp0042 --enrol
    """
    config = load_config()
    made = new_code(config, until) if with_code else None
    if box is None:
        if made is None:
            raise click.UsageError("give the box's account, --box JID, or --enrol for a new one")
        box = f"{id_}@{config.enrolment.box_domain}"
    new = HeatPump(id_, box)

    def apply(session: Session) -> HeatPumpRow:
        row = add_heat_pump(session, new, hub_domain=config.domain, now=now(), note=note)
        if made is not None:
            require_own_domain(config, Holder(row.id), row.box)
            made.keep(session, Holder(row.id))
        return row

    code = f", enrolment code {made.code.identity.hex()}" if made else ""
    row = change(apply, lambda row: _entry("heatpump add", row, f"box {row.box}{code}"))
    if not as_json:
        click.echo(f"Heat pump {row.id} added, its box is {row.box}.")
    if made is not None:
        show_code(made, Holder(row.id), row.box, as_json=as_json)
    elif as_json:
        show_json(_json(row, None))


@heatpump_commands.command("enrol")
@click.argument("id_", metavar="ID")
@until_option
@json_option
@config_option
def enrol_(id_: str, until: float, as_json: bool) -> None:
    """Make a one-time code for the box of a heat pump that is there: it lost its key, or was shut out.

    For another box in its place there is `hphub heatpump replace`. Codes made before are void. When the code
    is used, certificates given before are, too.

    \b
    Example:
      hphub heatpump enrol hp0042 --code-until 2d
    """
    enrol(load_config(), Holder(id_), until, as_json)


@heatpump_commands.command("list")
@json_option
@config_option
def list_(as_json: bool) -> None:
    """List all heat pumps and whether their boxes are online.

    Unknown means that the hub has not heard of the box since it started, or that no router is running.

    \b
    Example:
      hphub heatpump list --json
    """
    found = read(_with_presence, now())
    if as_json:
        show_json([_json(row, state) for row, state in found])
        return
    show_table(
        ("id", "box", "presence", "since", "note"),
        [[row.id, row.box, _state(state), local_time(_since(state)), row.note] for row, state in found],
        empty=NONE_YET,
    )


@heatpump_commands.command("show")
@click.argument("id_", metavar="ID")
@json_option
@config_option
def show(id_: str, as_json: bool) -> None:
    """Show one heat pump with its grants.

    \b
    Example:
      hphub heatpump show hp0001
    """
    at = now()
    row, state, granted = read(_one, id_, at)
    kept = read(settings_of, id_)
    if as_json:
        grants = [grant_json(grant, at) for grant in granted]
        show_json({**_json(row, state), "box_since": utc_time(kept.since), "grants": grants})
        return
    show_record(
        {
            "id": row.id,
            "box": row.box,
            "presence": _state(state),
            "since": local_time(_since(state)),
            "note": row.note,
            "added": local_time(row.created),
            **({"box since": local_time(kept.since), "settings": restoring_text(kept)} if kept.since else {}),
        }
    )
    click.echo()
    show_grants(
        granted, at, empty=f"No grants. Give one: hphub grant add PROVIDER {row.id} --right read --until 30d"
    )


@heatpump_commands.command("remove")
@click.argument("id_", metavar="ID")
@yes_option
@config_option
def remove(id_: str, yes: bool) -> None:
    """Remove a heat pump; its grants end with it.

    \b
    Example:
      hphub heatpump remove hp0001 --yes
    """
    granted = read(_one, id_, now())[2]
    confirm(f"Remove heat pump {id_} and its {len(granted)} grants?", yes)
    _, ended = change(
        remove_heat_pump,
        lambda removed: _entry("heatpump remove", removed[0], f"{removed[1]} grants ended"),
        id_,
        now=now(),
    )
    click.echo(f"Heat pump {id_} removed; {ended} grants ended.")


def _with_presence(session: Session, at: float) -> list[tuple[HeatPumpRow, Presence | None]]:
    known = _known_presence(session, at)
    return [(row, known.get(row.id)) for row in list_heat_pumps(session)]


def _one(session: Session, id_: str, at: float) -> tuple[HeatPumpRow, Presence | None, list[GrantRecord]]:
    row = get_heat_pump(session, id_)
    return row, _known_presence(session, at).get(id_), list_grants(session, heat_pump=id_, now=at)


def _known_presence(session: Session, at: float) -> dict[str, Presence]:
    """What the routers keep up to date: without a live one, nothing is known."""
    watched = live_routers(session, at).keys() - {COLLECTOR}
    return {one.heat_pump: one for one in presence(session)} if watched else {}


def _state(state: Presence | None) -> str:
    return (state.state if state else LinkState.UNKNOWN).value


def _since(state: Presence | None) -> float | None:
    return state.since if state else None


def _json(row: HeatPumpRow, state: Presence | None) -> dict[str, Any]:
    return {
        "id": row.id,
        "box": row.box,
        "presence": _state(state),
        "since": utc_time(_since(state)),
        "note": row.note,
        "created": utc_time(row.created),
    }


def _entry(service: str, row: HeatPumpRow, detail: str) -> AuditEntry:
    return AuditEntry(
        at=now(),
        kind=AuditKind.OPERATOR,
        heat_pump=row.id,
        box=row.box,
        service=service,
        detail=detail,
        actor=operator(),
    )
