"""``hphub grant narrow``, ``extend`` and ``change``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import click

from hub.audit import AuditEntry, AuditKind
from hub.cli.context import change, config_option, json_option, now, operator
from hub.cli.grant import grant_json
from hub.cli.output import show_json
from hub.cli.times import When, local_time, utc_time
from hub.grant_text import rights_shown
from hub.registry import GrantRecord
from hub.registry.grant_changes import Direction, GrantChange, change_grant
from hub.roster import Right

_Command: TypeAlias = Callable[..., Any]


def _options(command: _Command) -> _Command:
    for option in reversed(
        (
            click.argument("key", type=int),
            click.option(
                "--right", "rights", multiple=True, type=click.Choice([right.value for right in Right]),
                help="A right it has afterwards; may be repeated.  [default: as it was]",
            ),
            click.option(
                "--scope", "scope", multiple=True, metavar="PATTERN",
                help="A scope it has afterwards, * is everything; may be repeated.  [default: as it was]",
            ),
            click.option("--until", type=When(1), help="When it ends, e.g. 30d.  [default: as it was]"),
            click.option("--no-end", "endless", is_flag=True, help="It has no end any more."),
            click.option("--ground", default="", help="On what ground it is changed.  [default: as it was]"),
            json_option,
            config_option,
        )
    ):  # fmt: skip
        command = option(command)
    return command


@click.command("narrow")
@_options
def narrow_command(as_json: bool, **given: Any) -> None:
    """Have grant KEY allow less: fewer rights, a narrower scope, an earlier end. In force on return.

    What is taken away is ended in the box too: schedules are disabled, commands that wait for their time are
    cancelled. With other rights or another scope the grant gets a new key; the old one is kept as ended.

    \b
    Examples:
      hphub grant narrow 12 --until 2d
      hphub grant narrow 12 --right read --scope 'MET/*'
    """
    _change(Direction.NARROW, as_json, given)


@click.command("extend")
@_options
def extend_command(as_json: bool, **given: Any) -> None:
    """Have grant KEY allow more: further rights, a wider scope, a later end. In force on return.

    Name all rights and scopes it is to have. Schedules go on. With other rights or another scope the grant
    gets a new key; the old one is kept as ended.

    \b
    Examples:
      hphub grant extend 12 --until 90d
      hphub grant extend 12 --right read --right control --ground 'letter of the owner, 2026-11-20'
    """
    _change(Direction.EXTEND, as_json, given)


@click.command("change")
@_options
def change_command(as_json: bool, **given: Any) -> None:
    """Change grant KEY in both directions at once. In force on return; see narrow and extend.

    \b
    Example:
      hphub grant change 12 --right control --scope 'HP/*' --until 30d
    """
    _change(Direction.CHANGE, as_json, given)


def _change(direction: Direction, as_json: bool, given: dict[str, Any]) -> None:
    if given["endless"] and given["until"] is not None:
        raise click.UsageError("--until and --no-end contradict each other")
    wanted = GrantChange(
        giver=operator(),
        rights=[Right(right) for right in given["rights"]] or None,
        scope=given["scope"] or None,
        until=given["until"],
        endless=given["endless"],
        ground=given["ground"],
    )
    at = now()
    _, record = change(
        change_grant,
        lambda changed: _entry(f"grant {direction}", *changed),
        given["key"],
        wanted,
        direction,
        now=at,
    )
    if as_json:
        show_json(grant_json(record, at))
        return
    end = f"until {local_time(record.until)}" if record.until is not None else "without end"
    scope = f", within {', '.join(record.scope)}" if record.scope else ""
    what = f"{rights_shown(record.rights)} on {record.on}{scope}"
    click.echo(f"Grant {record.key}: {record.provider} has {what}, {end}.")
    if record.key != given["key"]:
        click.echo(f"It takes the place of grant {given['key']}, which has ended.")


def _extent(record: GrantRecord) -> str:
    scope = f" within {' '.join(record.scope)}" if record.scope else ""
    until = f" until {utc_time(record.until)}" if record.until is not None else ""
    return f"{rights_shown(record.rights)}{scope}{until}"


def _entry(service: str, before: GrantRecord, after: GrantRecord) -> AuditEntry:
    return AuditEntry(
        at=now(),
        kind=AuditKind.OPERATOR,
        provider=after.provider,
        heat_pump=after.on,
        service=service,
        references=after.scope,
        detail=f"grant {before.key}: {_extent(before)}; now grant {after.key}: {_extent(after)}",
        actor=operator(),
    )
