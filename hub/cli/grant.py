"""``hphub grant``: who may do what with which heat pump or group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from sqlalchemy.orm import Session

from hub.audit import AuditEntry
from hub.cli.context import change, config_option, json_option, now, operator, read
from hub.cli.output import show_json, show_record, show_table
from hub.cli.times import When, local_time, utc_time
from hub.grant_text import grant_entry, rights_shown
from hub.registry import (
    GROUP_SIGN,
    GrantRecord,
    NewGrant,
    add_grant,
    get_grant,
    list_grants,
    revoke_grant,
    revoke_grants_between,
)
from hub.registry.steering import FIRST_PRIORITY, PRIORITIES, PRIORITY_STEP
from hub.roster import Right

NONE_YET = "No grants. Give one: hphub grant add PROVIDER HEATPUMP --right read --until 30d"
NONE_LEFT = f"{NONE_YET}\nEnded ones are shown by --all."


@click.group("grant")
def grant_commands() -> None:
    """Grants: what a provider may do with a heat pump, and how long. Without one he cannot even see it.

    One on a group counts for every heat pump in it, as long as it is in it.
    """


@grant_commands.command("add")
@click.argument("provider")
@click.argument("on", metavar="HEATPUMP|@GROUP")
@click.option(
    "--right", "rights", multiple=True, required=True, type=click.Choice([right.value for right in Right]),
    help="What is allowed; may be repeated.",
)  # fmt: skip
@click.option(
    "--scope", "scope", multiple=True, metavar="PATTERN",
    help="Only these references: LD/*, LD/LN.*, LD/LN.DO or LD/LN.DO.*; may be repeated; for all rights.",
)  # fmt: skip
@click.option(
    "--from", "valid_from", type=When(1), help="When it begins, e.g. 2027-01-01 or 12h.  [default: now]"
)
@click.option("--until", type=When(1), help="When it ends, e.g. 2027-12-31T18:00 or 30d.  [default: never]")
@click.option(
    "--priority", type=click.IntRange(PRIORITIES[0], PRIORITIES[-1]),
    help=f"Of its schedules, the higher one wins.  [default: {FIRST_PRIORITY} for the first on a heat pump,"
    f" {PRIORITY_STEP} less for each further one]",
)  # fmt: skip
@click.option("--purpose", default="", help="What for, e.g. 'load shifting'.")
@click.option("--ground", default="", help="On what ground, e.g. 'consent of the owner, 2026-11-02'.")
@json_option
@config_option
def add(as_json: bool, **given: Any) -> None:
    """Give PROVIDER rights on HEATPUMP, or on each in GROUP. In force when the command returns.

    With the right schedule the provider gets one of four schedules of everything the heat pump can be
    scheduled for, SCH/EvuFSCH2 and the like. He can use it as soon as the box has taken its priority.

    \b
    Examples:
      hphub grant add agg hp0001 --right read --right schedule --priority 60 --until 30d
      hphub grant add agg hp0001 --right read --until 30d
      hphub grant add agg hp0001 --right control --scope 'HP/RlyGGIO1.*' --until 2027-03-01
      hphub grant add agg @north --right control
    """
    new = NewGrant(
        provider=given["provider"],
        on=given["on"],
        rights=[Right(right) for right in given["rights"]],
        giver=operator(),
        scope=given["scope"],
        valid_from=given["valid_from"],
        until=given["until"],
        purpose=given["purpose"],
        ground=given["ground"],
        priority=given["priority"],
    )
    at = now()
    record = change(add_grant, lambda record: _entry("grant add", record), new, now=at)
    if as_json:
        show_json(grant_json(record, at))
        return
    end = f"until {local_time(record.until)}" if record.until is not None else "without end"
    click.echo(
        f"Grant {record.key}: {record.provider} has {rights_shown(record.rights)} on {record.on}, {end}."
    )
    slots = [one for one in record.steering if one.slot is not None]
    if len(slots) == 1:
        one = slots[0]
        click.echo(
            f"Its schedules on {one.heat_pump} are those of slot {one.slot} (SCH/*FSCH{one.slot}),"
            f" priority {one.priority}: ready when the box has confirmed, see"
            f" `hphub grant show {record.key}`."
        )
    elif slots:
        click.echo(
            f"It holds a slot of the schedules of {len(slots)} heat pumps, ready when their boxes have"
            f" confirmed: see `hphub grant show {record.key}`."
        )


@grant_commands.command("list")
@click.option("--provider", help="Only this provider's.")
@click.option("--heatpump", help="Only those that count for this heat pump, also through a group.")
@click.option("--group", help="Only those on this group.")
@click.option("--all", "ended", is_flag=True, help="Also those that are revoked or have expired.")
@json_option
@config_option
def list_(provider: str | None, heatpump: str | None, group: str | None, ended: bool, as_json: bool) -> None:
    """List grants that are in force or will be.

    \b
    Example:
      hphub grant list --heatpump hp0001 --all
    """
    at = now()
    group = None if group is None else group.removeprefix(GROUP_SIGN)
    found = read(list_grants, provider=provider, heat_pump=heatpump, group=group, now=at, ended=ended)
    if as_json:
        show_json([grant_json(record, at) for record in found])
        return
    show_grants(found, at, empty=NONE_YET if ended else NONE_LEFT)


@grant_commands.command("show")
@click.argument("key", type=int)
@json_option
@config_option
def show(key: int, as_json: bool) -> None:
    """Show one grant by its key, and what of it is to be done in boxes.

    A slot is pending until the box has taken its priority; when the grant has ended it is ending until the
    box has disabled its schedules. Trouble says why a box does not do so yet.

    \b
    Example:
      hphub grant show 12
    """
    at = now()
    record = read(get_grant, key)
    if as_json:
        show_json(grant_json(record, at))
        return
    show_record(
        {
            "key": str(record.key),
            "provider": record.provider,
            "on": record.on,
            "rights": rights_shown(record.rights),
            "scope": ", ".join(record.scope) or "everything",
            "from": local_time(record.begins),
            "until": local_time(record.until),
            "state": record.state(at),
            "purpose": record.purpose,
            "ground": record.ground,
            "giver": record.giver,
        }
    )
    if not record.steering:
        return
    click.echo()
    show_table(
        ("heat pump", "slot", "priority", "in the box", "trouble"),
        [
            [one.heat_pump, _number(one.slot), _number(one.priority), one.state.value, one.trouble]
            for one in record.steering
        ],
        empty="",
    )


@grant_commands.command("revoke")
@click.argument("which", nargs=-1, required=True, metavar="KEY | PROVIDER HEATPUMP|@GROUP")
@config_option
def revoke(which: tuple[str, ...]) -> None:
    """Revoke one grant by its key, or all that PROVIDER holds on HEATPUMP or GROUP. In force when it returns.

    \b
    Examples:
      hphub grant revoke 12
      hphub grant revoke agg hp0001
      hphub grant revoke agg @north
    """
    match which:
        case (key,) if key.isascii() and key.isdigit():
            records = change(_revoke_one, _entry_of_all, int(key), now=now())
        case (provider, on):
            records = change(revoke_grants_between, _entry_of_all, provider, on, now=now())
        case _:
            raise click.UsageError(
                "name a grant by its key (a number, see `hphub grant list`),"
                " or a provider and a heat pump or group"
            )
    for record in records:
        click.echo(
            f"Grant {record.key} revoked: {record.provider} had {rights_shown(record.rights)} on {record.on}."
        )


def show_grants(found: Sequence[GrantRecord], at: float, *, empty: str) -> None:
    """Print grants as a table."""
    show_table(
        (
            "key", "provider", "heat pump", "rights", "scope", "from", "until", "state", "slot", "purpose",
            "giver",
        ),
        [
            [
                str(one.key), one.provider, one.on, rights_shown(one.rights),
                ", ".join(one.scope) or "everything", local_time(one.begins), local_time(one.until),
                one.state(at), _slot(one), one.purpose, one.giver,
            ]
            for one in found
        ],
        empty=empty,
    )  # fmt: skip


def grant_json(record: GrantRecord, at: float) -> dict[str, Any]:
    """A grant for programs: on a heat pump or a group, the other one is null; ``until`` null is without end,
    an empty scope is everything.
    """
    return {
        "key": record.key,
        "provider": record.provider,
        "heatpump": record.heat_pump or None,
        "group": record.group or None,
        "rights": sorted(record.rights),
        "scope": list(record.scope),
        "from": utc_time(record.begins),
        "until": utc_time(record.until),
        "state": record.state(at),
        "purpose": record.purpose,
        "ground": record.ground,
        "giver": record.giver,
        "created": utc_time(record.created),
        "revoked": utc_time(record.revoked_at),
        "steering": [
            {
                "heatpump": one.heat_pump,
                "slot": one.slot,
                "priority": one.priority,
                "state": one.state.value,
                "trouble": one.trouble,
            }
            for one in record.steering
        ],
    }


def _slot(record: GrantRecord) -> str:
    """The slot with its priority and state, such as ``2, priority 40, ready``; each once for a group."""
    slots = {(one.slot, one.priority, one.state) for one in record.steering if one.slot is not None}
    return "; ".join(f"{slot}, priority {priority}, {state.value}" for slot, priority, state in sorted(slots))


def _number(number: int | None) -> str:
    return "" if number is None else str(number)


def _revoke_one(session: Session, key: int, *, now: float) -> list[GrantRecord]:
    return [revoke_grant(session, key, now=now)]


def _entry_of_all(records: Sequence[GrantRecord]) -> AuditEntry:
    keys = ", ".join(str(record.key) for record in records)
    return _entry("grant revoke", records[0], f"grants {keys}" if len(records) > 1 else "")


def _entry(service: str, record: GrantRecord, detail: str = "") -> AuditEntry:
    return grant_entry(service, record, at=now(), actor=operator(), detail=detail)
