"""``hphub audit``: who asked for what, and what became of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import click

from hub.audit import AuditFilter, AuditKind, AuditOutcome, AuditReader, StoredEntry, prune, verify
from hub.cli.context import (
    CommandFailed,
    config_option,
    confirm,
    json_option,
    load_config,
    now,
    operator,
    yes_option,
)
from hub.cli.output import show_json, show_json_line, show_line, show_table
from hub.cli.times import When, local_time, utc_time
from hub.config import HubConfig

DEFAULT_LIMIT = 50
"""Entries shown: about a screen."""
MAX_LIMIT = 100_000
"""Entries shown at most: they are held in memory."""
FOLLOW_PAUSE = 0.3
"""Seconds between two looks for new entries."""

COLUMNS = ("time", "kind", "provider", "heat pump", "service", "references", "detail", "operator")


@click.group("audit", invoke_without_command=True)
@click.option("--heatpump", help="Only of this heat pump.")
@click.option("--provider", help="Only of this provider.")
@click.option("--kind", type=click.Choice([kind.value for kind in AuditKind]), help="Only of this kind.")
@click.option("--reference", help="Only what names this object or something in it, e.g. HP/EvuGGIO1.")
@click.option("--service", help="Only this service or command, e.g. Operate or 'grant add'.")
@click.option("--actor", help="Only commands of this operator.")
@click.option(
    "--outcome",
    type=click.Choice([outcome.value for outcome in AuditOutcome]),
    help="Only what was passed on, refused, or by the box's answer done or failed.",
)
@click.option("--since", type=When(-1), help="Only from then on, e.g. 2026-12-31 or 12h (ago).")
@click.option("--until", type=When(-1), help="Only what was before then, e.g. 2027-01-31 or 1h (ago).")
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_LIMIT),
    default=DEFAULT_LIMIT,
    show_default=True,
    help="The newest ones.",
)
@click.option(
    "--follow", is_flag=True, help="Go on with new entries until Ctrl-C; with --json one object a line."
)
@click.option("--lines", is_flag=True, help="JSON lines: one object a line.")
@json_option
@config_option
@click.pass_context
def audit_commands(
    ctx: click.Context, /, limit: int, follow: bool, lines: bool, as_json: bool, **given: Any
) -> None:
    """Show the audit: requests, refusals, results and operators' commands, oldest first.

    \b
    Examples:
      hphub audit --heatpump hp0001 --since 12h
      hphub audit --kind refusal --follow
      hphub audit --reference HP/EvuGGIO1 --outcome failed --since 30d --lines
      hphub audit verify
      hphub audit prune --before 730d
    """
    if ctx.invoked_subcommand is not None:
        return
    wanted = AuditFilter(
        heat_pump=given["heatpump"],
        provider=given["provider"],
        kind=AuditKind(given["kind"]) if given["kind"] else None,
        since=given["since"],
        until=given["until"],
        reference=given["reference"],
        service=given["service"],
        actor=given["actor"],
        outcome=AuditOutcome(given["outcome"]) if given["outcome"] else None,
    )
    config = load_config()
    if follow:
        with suppress(KeyboardInterrupt):
            asyncio.run(_follow(config, wanted, limit, as_json or lines))
        return
    found = asyncio.run(_newest(config, wanted, limit))
    if lines:
        for stored in found:
            show_json_line(_json(stored))
        return
    if as_json:
        show_json([_json(stored) for stored in found])
        return
    show_table(COLUMNS, [_cells(stored) for stored in found], empty="Nothing in the audit matches.")


@audit_commands.command("verify")
@json_option
@config_option
def verify_(as_json: bool) -> None:
    """Recompute the hash chains: finds any entry that was changed, removed or put in between.

    Each chain is checked from its first entry, or from where `hphub audit prune` left it.

    Entries cut off at the very end leave no trace in the chain itself: note the printed chain ends elsewhere,
    and compare.

    \b
    Example:
      hphub audit verify
    """
    result = asyncio.run(verify(load_config().databases.audit))
    if as_json:
        show_json(
            {
                "findings": [
                    {"chain": one.chain, "seq": one.seq, "problem": one.problem} for one in result.findings
                ],
                "chains": [
                    {
                        "chain": one.chain,
                        "seq": one.seq,
                        "hash": one.hash,
                        "first": one.first,
                        "since": utc_time(one.since),
                    }
                    for one in result.heads
                ],
            }
        )
    else:
        show_table(
            ("chain", "checked from", "entry", "to entry", "hash of the last"),
            [
                [one.chain, local_time(one.since), str(one.first), str(one.seq), one.hash]
                for one in result.heads
            ],
            empty="The audit is empty.",
        )
        for one in result.findings:
            show_line((f"chain {one.chain}, entry {one.seq}: {one.problem}",))
    if result.findings:
        raise CommandFailed(f"the audit is not as it was written: {len(result.findings)} findings")


@audit_commands.command("prune")
@click.option("--before", type=When(-1), help="E.g. 2026-01-01 or 730d (ago).  [default: audit.keep_days]")
@yes_option
@config_option
def prune_(before: float | None, yes: bool) -> None:
    """Remove old entries for good. The rest stays verifiable: where each chain begins now is audited.

    Without --before as hub.yaml says in audit.keep_days, and without asking: operations does the same once a
    day. The last entry of each chain always stays.

    \b
    Examples:
      hphub audit prune --before 730d
      hphub audit prune
    """
    config = load_config()
    at = now()
    if before is None:
        if config.audit.keep_days is None:
            raise click.UsageError("hub.yaml has no audit.keep_days: say --before when")
        before = at - config.audit.keep_days * 86_400
    else:
        confirm(f"Remove all entries before {local_time(before)} for good?", yes)
    try:
        done = asyncio.run(prune(config.databases.audit, before, actor=operator(), now=at))
    except ValueError as wrong:
        raise click.UsageError(str(wrong)) from None
    show_table(
        ("chain", "removed", "up to entry"),
        [[one.chain, str(one.rows), str(one.checkpoint.seq)] for one in done],
        empty=f"Nothing is older than {local_time(before)}.",
    )


async def _newest(config: HubConfig, wanted: AuditFilter, limit: int) -> list[StoredEntry]:
    reader = await AuditReader.open(config.databases.audit)
    try:
        return await reader.newest(wanted, limit)
    finally:
        await reader.close()


async def _follow(config: HubConfig, wanted: AuditFilter, limit: int, as_json: bool) -> None:
    reader = await AuditReader.open(config.databases.audit)
    try:
        found = await reader.newest(wanted, limit)
        last = 0
        while True:
            for stored in found:
                last = stored.id
                if as_json:
                    show_json_line(_json(stored))
                else:
                    show_line(_cells(stored))
            await asyncio.sleep(FOLLOW_PAUSE)
            found = await reader.after(wanted, last, MAX_LIMIT)
    finally:
        await reader.close()


def _cells(stored: StoredEntry) -> list[str]:
    entry = stored.entry
    return [
        local_time(entry.at),
        entry.kind.value,
        entry.provider or entry.provider_jid,
        entry.heat_pump,
        entry.service,
        " ".join(entry.references),
        entry.detail,
        entry.actor,
    ]


def _json(stored: StoredEntry) -> dict[str, Any]:
    entry = stored.entry
    return {
        "id": stored.id,
        "chain": stored.chain,
        "seq": stored.seq,
        "time": utc_time(entry.at),
        "kind": entry.kind.value,
        "provider": entry.provider,
        "provider_jid": entry.provider_jid,
        "heatpump": entry.heat_pump,
        "box": entry.box,
        "stanza_id": entry.stanza_id,
        "service": entry.service,
        "references": list(entry.references),
        "detail": entry.detail,
        "actor": entry.actor,
    }
