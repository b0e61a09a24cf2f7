"""``hphub box``: the boxes' ways in, and shutting one out."""

from __future__ import annotations

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
from hub.cli.output import show_json, show_table
from hub.cli.times import local_time
from hub.cli.ways_in import at_the_server, way_json, way_state
from hub.registry import (
    Holder,
    account_of,
    get_heat_pump,
    let_in,
    revoke_certificates,
    shut_out,
    withdraw_codes,
)
from hub.registry.ways_in import ways_of_boxes

NONE_YET = "No boxes yet. Add a heat pump and its box: hphub heatpump add hp0001 --enrol"


@click.group("box")
def box_commands() -> None:
    """The boxes of heat pumps: how each gets in, and how to shut one out at once."""


@box_commands.command("list")
@json_option
@config_option
def list_(as_json: bool) -> None:
    """List all boxes and how they get in.

    \b
    certificate   until when the last one is good; without one a box has a password, or a server of its own
    code          until when a one-time code can be used that nobody has used yet

    \b
    Example:
      hphub box list --json
    """
    at = now()
    found = read(ways_of_boxes, at)
    if as_json:
        show_json([way_json(one, "box", at) for one in found])
        return
    show_table(
        ("id", "box", "state", "certificate", "code"),
        [
            [
                one.id,
                one.account,
                way_state(one, at),
                local_time(one.certificate_ends),
                local_time(one.code_expires),
            ]
            for one in found
        ],
        empty=NONE_YET,
    )


@box_commands.command("revoke")
@click.argument("id_", metavar="HEATPUMP")
@yes_option
@config_option
def revoke(id_: str, yes: bool) -> None:
    """Shut a heat pump's box out: it was stolen, replaced or tampered with.

    When the command returns the hub takes nothing from the box and sends it nothing, its certificates and
    codes count no more, and its session on the XMPP server is closed. The heat pump stays with its grants. A
    box on another domain than ours is shut out at the hub only: its login is its own server's matter.

    Another box takes its place by `hphub heatpump replace`; the same one comes in by `hphub heatpump enrol`,
    or `hphub box allow`.

    \b
    Example:
      hphub box revoke hp0042 --yes
    """
    config = load_config()
    box = read(_account, id_)
    confirm(f"Shut out {box}, the box of {id_}?", yes)
    at = now()

    def apply(session: Session) -> int:
        pump, _ = shut_out(session, id_, at)
        withdraw_codes(session, Holder(id_), at)
        return revoke_certificates(session, pump, at)

    count = change(apply, lambda count: _entry("box revoke", id_, box, f"{count} certificates revoked"))
    click.echo(f"{box}, the box of {id_}, is shut out of the hub; {count} certificates revoked.")
    at_the_server(config, box)


@box_commands.command("allow")
@click.argument("id_", metavar="HEATPUMP")
@config_option
def allow(id_: str) -> None:
    """Let a box that was shut out in again, by its password or at its own server.

    Revoked certificates stay so: for a box that had one make a new code, `hphub heatpump enrol`, which lets
    it in by itself.

    \b
    Example:
      hphub box allow hp0042
    """
    row = change(let_in, lambda row: _entry("box allow", id_, row.box, ""), id_)
    click.echo(f"{row.box}, the box of {id_}, is let in again.")


def _account(session: Session, id_: str) -> str:
    return account_of(session, get_heat_pump(session, id_))


def _entry(service: str, heat_pump: str, box: str, detail: str) -> AuditEntry:
    return AuditEntry(
        at=now(),
        kind=AuditKind.OPERATOR,
        heat_pump=heat_pump,
        box=box,
        service=service,
        detail=detail,
        actor=operator(),
    )
