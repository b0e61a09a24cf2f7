"""``hphub owner``: whose a heat pump is, and what he answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from hub.audit import AuditEntry
from hub.cli.context import change, config_option, json_option, now, read
from hub.cli.output import show_json, show_record, show_table
from hub.cli.person import person_entry
from hub.cli.times import When, local_time, utc_time
from hub.registry.invites import (
    CODE_LASTS,
    Invite,
    invite_owner,
)
from hub.registry.people import Ownership, add_ownership, end_ownership, list_people


@click.group("owner")
def owner_commands() -> None:
    """Owners: whose a heat pump is and from when on. He allows providers what they may do, and takes it back,
    without the operator: by a one-time code.
    """


@owner_commands.command("add")
@click.argument("person")
@click.argument("heat_pump", metavar="HEATPUMP")
@click.option(
    "--from", "since", type=When(-1), help="Since when, e.g. 2026-11-02 or 30d (ago).  [default: now]"
)
@click.option("--until", type=When(1), help="Until when, if that is known.")
@config_option
def add(person: str, heat_pump: str, since: float | None, until: float | None) -> None:
    """Say that HEATPUMP is PERSON's. Two people may own one together.

    \b
    Example:
      hphub owner add p-7d01c3a95e hp0001 --from 2026-11-02
    """
    begins = now() if since is None else since
    owned = change(add_ownership, _owned("owner add"), person, heat_pump, since=begins, until=until)
    click.echo(
        f"{owned.heat_pump} is {owned.person}'s from {local_time(owned.since)} on. Let him answer:"
        f" hphub owner invite {owned.person} {owned.heat_pump}"
    )


@owner_commands.command("end")
@click.argument("person")
@click.argument("heat_pump", metavar="HEATPUMP")
@config_option
def end(person: str, heat_pump: str) -> None:
    """Say that HEATPUMP is no longer PERSON's, from now on. What he granted on it ends.

    \b
    Example:
      hphub owner end p-7d01c3a95e hp0001
    """
    entry = _owned("owner end")
    owned, ended = change(end_ownership, lambda done: entry(done[0]), person, heat_pump, now=now())
    click.echo(f"{owned.heat_pump} is no longer {owned.person}'s; {ended} grants of his ended.")


@owner_commands.command("list")
@click.option("--all", "ended", is_flag=True, help="Also who owned one and does no longer.")
@json_option
@config_option
def list_(ended: bool, as_json: bool) -> None:
    """List which heat pump is whose, by the person's id.

    \b
    Example:
      hphub owner list --all
    """
    at = now()
    found = [one for person in read(list_people) for one in person.owns if ended or one.covers(at)]
    if as_json:
        show_json([_owned_json(one) for one in found])
        return
    show_table(
        ("heat pump", "person", "from", "until"),
        [[one.heat_pump, one.person, local_time(one.since), local_time(one.until)] for one in found],
        empty="No owners. Say whose one is: hphub owner add PERSON HEATPUMP",
    )


@owner_commands.command("invite")
@click.argument("person")
@click.argument("heat_pump", metavar="HEATPUMP")
@click.option(
    "--lasts", type=click.IntRange(1, 90), default=round(CODE_LASTS / 86_400), show_default=True,
    help="Days in which the code must be used.",
)  # fmt: skip
@json_option
@config_option
def invite(person: str, heat_pump: str, lasts: int, as_json: bool) -> None:
    """Make a code by which PERSON answers once for HEATPUMP. It is shown now and never again.

    An earlier one for the same heat pump that he has not used becomes void.

    \b
    Example:
      hphub owner invite p-7d01c3a95e hp0001 --lasts 7
    """
    made, code = change(
        invite_owner,
        lambda made: person_entry("owner invite", made[0].person, f"code {made[0].key}", made[0].heat_pump),
        person,
        heat_pump,
        now=now(),
        lasts=lasts * 86_400.0,
    )
    if as_json:
        show_json({**invite_json(made), "code": code})
        return
    show_record({"code": code, "for": f"{made.person}, {made.heat_pump}", "until": local_time(made.expires)})


def _owned(service: str) -> Callable[[Ownership], AuditEntry]:
    return lambda owned: person_entry(
        service, owned.person, f"from {utc_time(owned.since)} until {utc_time(owned.until)}", owned.heat_pump
    )


def _owned_json(one: Ownership) -> dict[str, Any]:
    return {
        "heatpump": one.heat_pump, "person": one.person, "from": utc_time(one.since),
        "until": utc_time(one.until),
    }  # fmt: skip


def invite_json(made: Invite) -> dict[str, Any]:
    """An invitation for programs, without its code."""
    return {
        "key": made.key, "person": made.person, "heatpump": made.heat_pump, "expires": utc_time(made.expires),
    }  # fmt: skip
