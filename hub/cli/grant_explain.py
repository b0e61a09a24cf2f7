"""``hphub grant explain``: the running decision, and what it comes from."""

from __future__ import annotations

from typing import Any

import click

from hub.asking import SERVICES, request_for
from hub.cli.context import config_option, json_option, now, read
from hub.cli.output import show_json, show_table
from hub.cli.times import When, utc_time
from hub.explaining import Explanation, explain
from hub.grant_text import rights_shown
from hub.registry import GrantRecord
from hub.registry.holdings import holdings
from iec61850_model.reference import InvalidReference

DEFAULT_SERVICE = "GetDataValues"


@click.command("explain")
@click.argument("heatpump")
@click.argument("provider")
@click.argument("reference", default="")
@click.argument("service", default="")
@click.option("--at", type=When(1), help="A command for later: its operTm, e.g. 2h.")
@json_option
@config_option
@click.pass_context
def explain_command(ctx: click.Context, /, at: float | None, as_json: bool, **given: str) -> None:
    """Say whether PROVIDER may use SERVICE on REFERENCE of HEATPUMP, by which grant or for want of what.

    The decision is made by the router's own judge, of the registry as it is now. Without SERVICE it is about
    reading, without REFERENCE about seeing the heat pump at all. A reference is LD/LN.DO.DA[FC]; the FC may
    be left out. Data sets and logs are LD/LN.Name or @Name; CreateDataSet takes the name of one that all see,
    or with [FC] a member of an own one.

    Services are called as in the audit: SERVICES.

    Exit code 0: allowed; 1: not.

    \b
    Examples:
      hphub grant explain hp0001 agg
      hphub grant explain hp0001 agg MET/MMXU1.TotW
      hphub grant explain hp0001 agg HP/EvuGGIO1.SPCSO1 Operate --at 2h
      hphub grant explain hp0001 agg GetServerDirectory
    """
    reference, service = given["reference"], given["service"]
    if reference in SERVICES and not service:
        reference, service = "", reference
    if service and service not in SERVICES:
        raise click.UsageError(f"{service!r} is no service: one of {', '.join(SERVICES)}")
    try:
        asked = request_for(service or DEFAULT_SERVICE, reference, at) if reference or service else None
    except (InvalidReference, ValueError) as wrong:
        raise click.UsageError(str(wrong)) from None
    moment = now()
    held = read(holdings, given["provider"], given["heatpump"], now=moment)
    found = explain(asked, held.grants, held.revoked, held.slots, moment)
    records = {record.key: record for record in held.records}
    if as_json:
        show_json(_json(found, records, moment) | {key: given[key] for key in ("heatpump", "provider")})
    else:
        _show(found, records, moment)
    ctx.exit(0 if found.allowed else 1)


assert explain_command.help is not None
explain_command.help = explain_command.help.replace("SERVICES.", f"{', '.join(SERVICES)}.")


def _show(found: Explanation, records: dict[int, GrantRecord], at: float) -> None:
    what = " ".join((found.service, *found.references)) or "sees the heat pump"
    if found.allowed:
        keys = ", ".join(map(str, found.by))
        click.echo(f"Allowed: {what}, by grant {keys}.")
    else:
        click.echo(f"Not allowed: {what}: {found.reason}.")
    rows = [
        [
            str(one.key),
            records[one.key].on,
            records[one.key].state(at),
            rights_shown(records[one.key].rights),
            ", ".join(records[one.key].scope) or "everything",
            ("allows it" if one.live else "would allow it") if one.allows else one.reason,
        ]
        for one in found.parts
    ]
    if rows:
        click.echo()
        show_table(("grant", "on", "state", "rights", "scope", "by itself"), rows, empty="")


def _json(found: Explanation, records: dict[int, GrantRecord], at: float) -> dict[str, Any]:
    return {
        "allowed": found.allowed,
        "service": found.service,
        "references": list(found.references),
        "by": list(found.by),
        "reason": found.reason,
        "time": utc_time(at),
        "grants": [
            {
                "key": one.key,
                "group": records[one.key].group or None,
                "state": records[one.key].state(at),
                "allows": one.allows,
                "reason": one.reason,
            }
            for one in found.parts
        ],
    }
