"""``hphub owner answer``: what an owner allows, refuses and takes back by a one-time code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from hub.audit import AuditEntry, AuditKind
from hub.cli.context import change, config_option, json_option, now
from hub.cli.output import show_json
from hub.cli.owner import invite_json
from hub.cli.times import When, local_time
from hub.grant_text import rights_shown
from hub.registry import GrantRecord
from hub.registry.ask_answers import Terms
from hub.registry.invites import (
    MAX_CODE_TEXT,
    Answer,
    approve_by_code,
    grant_by_code,
    refuse_by_code,
    withdraw_by_code,
)
from hub.registry.owner_answers import Wish
from hub.registry.purposes import OWNER
from hub.roster import Right

FROM_STDIN = "-"


@click.group("answer")
@click.argument("code")
@click.pass_context
def answer_commands(ctx: click.Context, code: str) -> None:
    """Answer for a heat pump with the CODE of an invitation, which is used up by it; - reads it from stdin.

    \b
    Examples:
      hphub owner answer ABCD-EFGH-IJKL-MNOP grant agg --right history --purpose research
      hphub owner answer ABCD-EFGH-IJKL-MNOP approve 4
      hphub owner answer ABCD-EFGH-IJKL-MNOP refuse
      hphub owner answer ABCD-EFGH-IJKL-MNOP withdraw agg
    """
    ctx.obj = sys.stdin.readline(MAX_CODE_TEXT).strip() if code == FROM_STDIN else code


@answer_commands.command("grant")
@click.argument("provider")
@click.option(
    "--right", "rights", multiple=True, required=True, type=click.Choice([right.value for right in Right]),
    help="What is allowed; may be repeated.",
)  # fmt: skip
@click.option("--scope", multiple=True, metavar="PATTERN", help="As in `hphub grant add`; may be repeated.")
@click.option("--purpose", required=True, help="What for, e.g. research.")
@click.option("--until", type=When(1), help="When it ends.  [default: in a year]")
@json_option
@config_option
@click.pass_obj
def grant(code: str, /, as_json: bool, **given: Any) -> None:
    """Allow PROVIDER something, for a purpose, for a year or until another end.

    \b
    Example:
      hphub owner answer CODE grant agg --right read --right history --purpose research --until 90d
    """
    wish = Wish(
        provider=given["provider"],
        rights=[Right(right) for right in given["rights"]],
        purpose=given["purpose"],
        scope=given["scope"],
        until=given["until"],
    )
    done = change(grant_by_code, _answered, code, wish, now=now())
    _show(done, as_json, _allowed)


@answer_commands.command("approve")
@click.argument("request", type=int)
@click.option(
    "--right", "rights", multiple=True, type=click.Choice([right.value for right in Right]),
    help="What is allowed; may be repeated.  [default: as asked]",
)  # fmt: skip
@click.option("--scope", multiple=True, metavar="PATTERN", help="As in `hphub grant add`; may be repeated.")
@click.option("--purpose", help="What for, e.g. research.  [default: as asked]")
@click.option("--until", type=When(1), help="When it ends.  [default: in a year]")
@json_option
@config_option
@click.pass_obj
def approve(code: str, /, request: int, as_json: bool, **given: Any) -> None:
    """Allow what a provider asked for: REQUEST is its number in the letter, or in `hphub request list`.

    \b
    Example:
      hphub owner answer CODE approve 4 --purpose research --until 90d
    """
    terms = Terms(
        rights=[Right(right) for right in given["rights"]] or None,
        purpose=given["purpose"],
        scope=given["scope"],
        until=given["until"],
    )
    done = change(approve_by_code, _answered, code, request, terms, now=now())
    _show(done, as_json, _allowed)


@answer_commands.command("refuse")
@click.argument("request", type=int, required=False)
@json_option
@config_option
@click.pass_obj
def refuse(code: str, /, request: int | None, as_json: bool) -> None:
    """Allow nothing; that you said so is recorded. With the number of a REQUEST that one no longer waits.

    \b
    Examples:
      hphub owner answer CODE refuse
      hphub owner answer CODE refuse 4
    """
    done = change(refuse_by_code, _answered, code, request, now=now())
    _show(done, as_json, str)
    if not as_json:
        click.echo(f"Refused for {done.invite.heat_pump}: nothing was allowed.")


@answer_commands.command("withdraw")
@click.argument("provider")
@json_option
@config_option
@click.pass_obj
def withdraw(code: str, provider: str, as_json: bool) -> None:
    """Take back what PROVIDER was allowed on consent. In force when it returns.

    \b
    Example:
      hphub owner answer CODE withdraw agg
    """
    done = change(withdraw_by_code, _answered, code, provider, now=now())
    _show(done, as_json, lambda one: f"Grant {one.key} withdrawn. {one.provider} no longer {_what(one)}")


def _show(done: Answer, as_json: bool, line: Callable[[GrantRecord], str]) -> None:
    if as_json:
        show_json(
            {**invite_json(done.invite), "answer": done.what, "grants": [one.key for one in done.grants]}
        )
        return
    for one in done.grants:
        click.echo(line(one))


def _allowed(one: GrantRecord) -> str:
    return f"Grant {one.key}: {one.provider} {_what(one)}"


def _what(one: GrantRecord) -> str:
    rights, end = rights_shown(one.rights), local_time(one.until) or "ever"
    return f"may {rights} on {one.on} for {one.purpose}, until {end}."


def _answered(done: Answer) -> AuditEntry:
    invite = done.invite
    keys = ", ".join(str(one.key) for one in done.grants)
    request = "" if done.request is None else f", request {done.request}"
    return AuditEntry(
        at=now(),
        kind=AuditKind.OPERATOR,
        provider=done.grants[0].provider if done.grants else "",
        heat_pump=invite.heat_pump,
        service=f"owner {done.what}",
        detail=f"code {invite.key}{request}{f', grants {keys}' if keys else ''}",
        actor=f"{OWNER}{invite.person}",
    )
