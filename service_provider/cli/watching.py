"""watch."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from contextlib import aclosing

import click

from service_provider.cli.connection import connected
from service_provider.cli.durations import seconds, until_options
from service_provider.cli.live import show
from service_provider.cli.output import json_option, print_change
from service_provider.provider import ServiceProvider


async def until_told(watching: Coroutine[None, None, None], duration: float | None) -> None:
    """Watch for a duration, or until Ctrl-C or SIGTERM: these are how a watch is meant to end."""
    try:
        async with asyncio.timeout(duration):
            await watching
    except TimeoutError:
        return
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()


@click.command()
@click.argument("heatpumps", metavar="[HEATPUMP]...", nargs=-1)
@click.option("--dataset", metavar="NAME", help="Show the values of a data set, e.g. dsMeas.")
@click.option(
    "--member", "members", metavar="REFERENCE", multiple=True, help="Show this value; may be repeated."
)
@click.option("--buffered", is_flag=True, help="By a block that buffers while the link is down.")
@click.option(
    "--integrity", callback=seconds, metavar="DURATION", help="Report everything every 10s, 5min, 2h."
)
@until_options
@json_option
@connected
async def watch(  # noqa: PLR0913 - one parameter for each option
    sp: ServiceProvider,
    *,
    heatpumps: tuple[str, ...],
    dataset: str | None,
    members: tuple[str, ...],
    buffered: bool,
    integrity: float | None,
    duration: float | None,
    count: int | None,
    as_json: bool,
) -> None:
    """Show which heat pumps are online, or the values of a data set, and every change, until Ctrl-C.

    \b
      hpclient watch
      hpclient watch hp0001 hp0002 --for 10min
      hpclient watch --count 1 --json                       one JSON object a line
      hpclient watch hp0001 --dataset dsMeas                a live table
      hpclient watch hp0001 --dataset dsMeas --json         one report a line
      hpclient watch hp0001 --dataset MET/LLN0.dsMeas --buffered
      hpclient watch hp0001 --member MET/MMXU1.TotW --member HP/HpGGIO1.Ind1

    Values are not asked for again and again: the heat pump reports them when they change. It does so through
    a report control block, of which it has only some; 'hpclient report list' shows who has them.
    """
    if dataset is None and not members:
        if buffered or integrity is not None:
            raise click.UsageError("--buffered and --integrity go with --dataset or --member")
        await until_told(_presence(sp, heatpumps, count, as_json), duration)
        return
    if len(heatpumps) != 1:
        raise click.UsageError("values are watched of one heat pump: hpclient watch hp0001 --dataset dsMeas")

    async def values() -> None:
        stream = sp.reports(
            heatpumps[0], dataset=dataset, members=members, buffered=buffered, integrity=integrity
        )
        async with aclosing(stream) as reports:
            await show(reports, as_json, count)

    await until_told(values(), duration)


async def _presence(
    sp: ServiceProvider, heatpumps: tuple[str, ...], count: int | None, as_json: bool
) -> None:
    left = count
    async with aclosing(sp.presence(*heatpumps)) as changes:
        async for change in changes:
            if as_json:
                click.echo(json.dumps(change.as_dict()))
            else:
                print_change(change)
            if left is not None:
                left -= 1
                if left == 0:
                    return
