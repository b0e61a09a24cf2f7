"""``hphub request``: what providers ask to be granted."""

from __future__ import annotations

from typing import Any

import click

from hub.audit import AuditEntry, AuditKind
from hub.cli.context import change, config_option, json_option, now, operator, read
from hub.cli.output import show_json, show_record, show_table
from hub.cli.times import When, local_time, utc_time
from hub.grant_text import rights_shown
from hub.registry.ask_answers import Terms, approve_ask, refuse_ask
from hub.registry.asks import AskRecord, get_ask, list_asks
from hub.registry.steering import PRIORITIES
from hub.roster import Right

NONE_WAITS = "No requests wait. Decided and expired ones are shown by --all."


@click.group("request")
def request_commands() -> None:
    """Requests: what providers ask for, for instance by subscribing to a heat pump in a chat client.

    A provider is told when he was granted something, and never that he was not: what was refused, and what
    was asked for an id nobody has, looks to him as if it waited.
    """


@request_commands.command("list")
@click.option("--provider", help="Only this provider's.")
@click.option("--all", "ended", is_flag=True, help="Also decided and expired ones, and for ids nobody has.")
@json_option
@config_option
def list_(provider: str | None, ended: bool, as_json: bool) -> None:
    """List what waits for a decision, the oldest first.

    \b
    Example:
      hphub request list --provider agg
    """
    at = now()
    found = read(list_asks, now=at, provider=provider, ended=ended)
    if as_json:
        show_json([ask_json(one, at) for one in found])
        return
    show_table(
        ("key", "provider", "heat pump", "rights", "purpose", "asked", "expires", "state"),
        [
            [
                str(one.key), one.provider, one.on or f"{one.wanted} (unknown)", rights_shown(one.rights),
                one.purpose, local_time(one.asked), local_time(one.expires), one.state(at),
            ]
            for one in found
        ],
        empty="No requests." if ended else NONE_WAITS,
    )  # fmt: skip


@request_commands.command("show")
@click.argument("key", type=int)
@json_option
@config_option
def show(key: int, as_json: bool) -> None:
    """Show one request and what was decided, by whom.

    \b
    Example:
      hphub request show 4
    """
    at, one = now(), read(get_ask, key)
    if as_json:
        show_json(ask_json(one, at))
        return
    show_record(
        {
            "key": str(one.key), "provider": one.provider, "wanted": one.wanted,
            "is": one.on or "no heat pump or group", "rights": rights_shown(one.rights),
            "purpose": one.purpose, "asked": local_time(one.asked), "expires": local_time(one.expires),
            "state": one.state(at), "decided": local_time(one.decided_at), "by": one.decided_by,
            "grant": "" if one.grant is None else str(one.grant),
        }
    )  # fmt: skip


@request_commands.command("approve")
@click.argument("key", type=int)
@click.option(
    "--right", "rights", multiple=True, type=click.Choice([right.value for right in Right]),
    help="What is allowed; may be repeated.  [default: as asked]",
)  # fmt: skip
@click.option("--scope", multiple=True, metavar="PATTERN", help="As in `hphub grant add`; may be repeated.")
@click.option("--until", type=When(1), help="When it ends.  [default: never, or a year on consent]")
@click.option("--purpose", help="What for.  [default: as asked]")
@click.option("--ground", default="", help="On what ground, e.g. 'consent of the owner, 2026-11-02'.")
@click.option(
    "--priority", type=click.IntRange(PRIORITIES[0], PRIORITIES[-1]), help="As in `hphub grant add`."
)
@json_option
@config_option
def approve(key: int, as_json: bool, **given: Any) -> None:
    """Grant what was asked for, or what the options say instead. In force when it returns; the provider's
    chat client sees it at once.

    \b
    Examples:
      hphub request approve 4 --until 30d
      hphub request approve 4 --right read --scope 'MET/*'
    """
    terms = Terms(
        rights=[Right(right) for right in given["rights"]] or None,
        purpose=given["purpose"],
        scope=given["scope"],
        until=given["until"],
        ground=given["ground"],
        priority=given["priority"],
    )
    asked, grant = change(
        approve_ask,
        lambda done: _entry(
            "request approve", done[0], f"grant {done[1].key}: {rights_shown(done[1].rights)}"
        ),
        key,
        terms,
        giver=operator(),
        now=now(),
    )
    if as_json:
        show_json(ask_json(asked, now()))
        return
    end = f"until {local_time(grant.until)}" if grant.until is not None else "without end"
    click.echo(f"Grant {grant.key}: {grant.provider} has {rights_shown(grant.rights)} on {grant.on}, {end}.")


@request_commands.command("refuse")
@click.argument("key", type=int)
@config_option
def refuse(key: int) -> None:
    """Grant nothing. The provider is not told, and if he asks again within 30 days nobody is bothered.

    \b
    Example:
      hphub request refuse 4
    """
    done = change(
        refuse_ask, lambda done: _entry("request refuse", done), key, decided_by=operator(), now=now()
    )
    click.echo(f"Request {done.key} of {done.provider} for {done.on} refused.")


def ask_json(one: AskRecord, at: float) -> dict[str, Any]:
    """A request for programs; ``on`` is null if nobody has the id that is wanted."""
    return {
        "key": one.key,
        "provider": one.provider,
        "wanted": one.wanted,
        "on": one.on or None,
        "rights": sorted(one.rights),
        "purpose": one.purpose,
        "asked": utc_time(one.asked),
        "expires": utc_time(one.expires),
        "state": one.state(at),
        "decided": utc_time(one.decided_at),
        "by": one.decided_by or None,
        "grant": one.grant,
    }


def _entry(service: str, one: AskRecord, detail: str = "") -> AuditEntry:
    return AuditEntry(
        at=now(),
        kind=AuditKind.OPERATOR,
        provider=one.provider,
        heat_pump=one.on,
        service=service,
        detail=f"request {one.key}{f', {detail}' if detail else ''}",
        actor=operator(),
    )
