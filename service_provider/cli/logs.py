"""log ls, show, status, query, set."""

from __future__ import annotations

import json
import sys
from contextlib import aclosing
from datetime import UTC, datetime

import click
from rich.text import Text

from iec61850_model.client.logs import LcbValues
from service_provider.cli.connection import connected
from service_provider.cli.output import json_option, print_json, print_table, shown_time
from service_provider.log_text import block_as_dict, settings_from_text, status_as_dict
from service_provider.logs import LoggedEntry
from service_provider.provider import ServiceProvider
from service_provider.report_text import entry_id_from_text, shown_data_set, trigger_text
from service_provider.reports import entry_datetime
from service_provider.text import time_from_text

CHUNK = 500
"""Entries of one table on a terminal; a longer log comes in several, the first of them soon."""
_HEADS = ("time", "entry", "reference", "value", "quality", "reason")
_TIMES = "Times: -2h, -1d, or 2026-11-23T04:45:00Z (local time without a zone)."


@click.group()
def log() -> None:
    """Logs: what happened in a heat pump, kept there in order.

    \b
      hpclient log ls hp0001                               log control blocks: what is logged, and where
      hpclient log query hp0001 LD0/LLN0.GeneralLog --from -1d
      hpclient log status hp0001 LD0/LLN0.lcbStat          the oldest and the newest entry

    A log control block (LD0/LLN0.lcbStat) says which changes make an entry of the log (LD0/LLN0.GeneralLog).
    """


@log.command("ls")
@click.argument("heatpump")
@click.argument("device", metavar="[LD]", required=False)
@json_option
@connected
async def ls(sp: ServiceProvider, heatpump: str, device: str | None, as_json: bool) -> None:
    """List the log control blocks of a heat pump, or of one logical device.

    \b
      hpclient log ls hp0001
    """
    blocks = await sp.logs.blocks(heatpump, device or "")
    if as_json:
        print_json([block_as_dict(heatpump, one) for one in blocks])
        return
    rows = [
        (
            one.reference.without_fc,
            shown_data_set(one.log_ref),
            shown_data_set(one.dat_set),
            trigger_text(one.trg_ops),
            Text("enabled", "green") if one.log_ena else Text("disabled", "yellow"),
            _newest(one),
        )
        for one in blocks
    ]
    print_table(("block", "log", "data set", "triggers", "state", "newest entry"), rows)


def _newest(block: LcbValues) -> str:
    return "" if block.status.empty else shown_time(entry_datetime(block.status.new_entr_tm))


@log.command("show")
@click.argument("heatpump")
@click.argument("block")
@json_option
@connected
async def show(sp: ServiceProvider, heatpump: str, block: str, as_json: bool) -> None:
    """Show all attributes of a log control BLOCK. IntgPd is milliseconds.

    \b
      hpclient log show hp0001 LD0/LLN0.lcbStat
    """
    found = block_as_dict(heatpump, await sp.logs.block(heatpump, block))
    if as_json:
        print_json(found)
        return
    rows = [
        (name, ("off", "on")[value] if isinstance(value, bool) else _cell(value))
        for name, value in found.items()
        if name not in ("heatpump", "block")
    ]
    print_table(("attribute", "value"), rows)


@log.command("status")
@click.argument("heatpump")
@click.argument("block")
@json_option
@connected
async def status(sp: ServiceProvider, heatpump: str, block: str, as_json: bool) -> None:
    """Show the oldest and the newest entry of the log that a log control BLOCK writes into.

    \b
      hpclient log status hp0001 LD0/LLN0.lcbStat
    """
    found = status_as_dict(await sp.logs.status(heatpump, block))
    if as_json:
        print_json({"heatpump": heatpump, "block": block, **found})
        return
    rows = [
        ("oldest", _cell(found["OldEntrTm"]), _cell(found["OldEntr"])),
        ("newest", _cell(found["NewEntrTm"]), _cell(found["NewEntr"])),
    ]
    print_table(("", "time", "entry"), rows)


def _cell(value: object) -> str:
    return "" if value is None else str(value)


@log.command("query")
@click.argument("heatpump")
@click.argument("name", metavar="LOG")
@click.option("--from", "start", metavar="TIME", help=f"Entries from then on. {_TIMES}")
@click.option("--to", "stop", metavar="TIME", help="Entries until then; both ends count in.")
@click.option("--after", metavar="ENTRY", help="Entries after this one, which was the last one seen.")
@click.option("--count", type=click.IntRange(min=1), help="No more than so many.")
@json_option
@connected
async def query(  # noqa: PLR0913 - one parameter for each option
    sp: ServiceProvider,
    *,
    heatpump: str,
    name: str,
    start: str | None,
    stop: str | None,
    after: str | None,
    count: int | None,
    as_json: bool,
) -> None:
    """Show the entries of a LOG, the oldest first, each with the values that changed and why.

    \b
      hpclient log query hp0001 LD0/LLN0.GeneralLog
      hpclient log query hp0001 LD0/LLN0.GeneralLog --from -2h
      hpclient log query hp0001 LD0/LLN0.GeneralLog --from 2026-11-23 --to 2026-11-24
      hpclient log query hp0001 LD0/LLN0.GeneralLog --after 0000000000000c41 --json

    --json gives one entry a line. With --after, --from may give the time of that entry: a box that has lost
    its log goes on from there, else it gives all it has.
    """
    now = datetime.now(UTC)
    entries = sp.logs.query(
        heatpump,
        name,
        start=None if start is None else time_from_text(start, now),
        stop=None if stop is None else time_from_text(stop, now),
        after=None if after is None else entry_id_from_text(after),
    )
    waiting: list[LoggedEntry] = []
    left = count
    async with aclosing(entries):
        async for entry in entries:
            if as_json:
                click.echo(json.dumps(entry.as_dict(), ensure_ascii=False))
            else:
                waiting.append(entry)
            if len(waiting) == (CHUNK if sys.stdout.isatty() else 1):
                _print(waiting)
                waiting.clear()
            if left is not None:
                left -= 1
                if left == 0:
                    break
    if waiting:
        _print(waiting)


def _print(entries: list[LoggedEntry]) -> None:
    rows = [
        (
            shown_time(entry.time),
            entry.entry_id.hex(),
            str(one.reading.reference),
            one.reading.text if one.reading.valid else Text(one.reading.text, "red"),
            "" if one.reading.quality is None else one.reading.quality.text,
            one.why,
        )
        for entry in entries
        for one in entry.entries
    ]
    print_table(_HEADS, rows)


@log.command("set")
@click.argument("heatpump")
@click.argument("block")
@click.argument("assignments", metavar="NAME=VALUE...", nargs=-1, required=True)
@connected
async def set_(sp: ServiceProvider, heatpump: str, block: str, assignments: tuple[str, ...]) -> None:
    """Set attributes of a log control BLOCK; it takes the right settings.

    \b
      hpclient log set hp0001 LD0/LLN0.lcbStat LogEna=off TrgOps=dchg
      hpclient log set hp0001 LD0/LLN0.lcbStat IntgPd=3600000 TrgOps=dchg,qchg,integrity LogEna=on

    While LogEna is on the others are locked, so it goes off first and on last. IntgPd is milliseconds. What
    is set holds until the heat pump's box starts again.
    """
    await sp.logs.set_block(heatpump, block, **settings_from_text(assignments))
