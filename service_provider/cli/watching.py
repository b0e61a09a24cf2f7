"""watch."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import aclosing

import click

from service_provider.cli.connection import connected
from service_provider.cli.output import json_option, print_change
from service_provider.provider import ServiceProvider

_DURATION = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(s|m|min|h)?", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, None: 1}


def _seconds(_context: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """A duration such as 10s, 5min or 2h, in seconds."""
    if value is None:
        return None
    match = _DURATION.fullmatch(value)
    if match is None:
        raise click.BadParameter(f"{value!r} is not a duration: write 10s, 5min or 2h")
    return float(match[1]) * _SECONDS[match[2]]


@click.command()
@click.argument("heatpumps", metavar="[HEATPUMP]...", nargs=-1)
@click.option("--for", "duration", callback=_seconds, metavar="DURATION", help="End after 10s, 5min, 2h.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many lines.")
@json_option
@connected
async def watch(
    sp: ServiceProvider,
    heatpumps: tuple[str, ...],
    duration: float | None,
    count: int | None,
    as_json: bool,
) -> None:
    """Show which heat pumps are online, and every change, until Ctrl-C.

    \b
      hpclient watch
      hpclient watch hp0001 hp0002 --for 10min
      hpclient watch --count 1 --json        one JSON object a line
    """
    left = count
    try:
        async with asyncio.timeout(duration), aclosing(sp.presence(*heatpumps)) as changes:
            async for change in changes:
                if as_json:
                    click.echo(json.dumps(change.as_dict()))
                else:
                    print_change(change)
                if left is not None:
                    left -= 1
                    if left == 0:
                        return
    except TimeoutError:
        return
    except asyncio.CancelledError:
        # Ctrl-C and SIGTERM are how a watch is meant to end.
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
