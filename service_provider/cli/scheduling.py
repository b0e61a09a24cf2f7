"""schedule set, show, enable, disable, clear."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from rich.console import Console
from rich.text import Text

from iec61850_model.client import UnusableValue
from service_provider.cli import durations
from service_provider.cli.connection import connected
from service_provider.cli.day_bars import bars, legend
from service_provider.cli.exits import report
from service_provider.cli.output import json_option, print_json
from service_provider.cli.whom import for_each, heat_pumps, members
from service_provider.provider import ServiceProvider
from service_provider.schedules import Repeat, SchedulePlan, ShownSchedule, plan_from_csv
from service_provider.schedules.local_time import time_of, to_local
from service_provider.schedules.plan import MAX_FILE
from service_provider.text import time_from_text

_F = TypeVar("_F", bound=Callable[..., Any])
_STATES = {"Running": "bold green", "Ready": "cyan", "Start Time required": "yellow", "Not ready": "dim"}

slot_option = click.option(
    "--slot", type=click.IntRange(min=1), help="Which schedule of the object; yours, if not given."
)


def _zone(_context: click.Context, _param: click.Parameter, value: str | None) -> tzinfo | None:
    if value is None:
        return None
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise click.BadParameter(f"{value!r} is no time zone: write one such as Europe/Copenhagen") from None


def _interval(context: click.Context, param: click.Parameter, value: str | None) -> float | None:
    if value is not None and value.isdecimal():
        raise click.BadParameter(f"{value} what? Write {value}m for minutes, or {value}s for seconds")
    return durations.seconds(context, param, value)


zone_option = click.option(
    "--zone", callback=_zone, metavar="ZONE", help="Zone of local times; this machine's, if not given."
)


def _file(_context: click.Context, _param: click.Parameter, value: Path | None) -> str | None:
    if value is None:
        return None
    try:
        with value.open(encoding="utf-8-sig") as file:
            return file.read(MAX_FILE + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{value} cannot be read: {error}") from None


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def schedule() -> None:
    """Schedules: values that come into force by the clock, also when nobody is connected.

    \b
      hpclient schedule set hp0001 evu --start 2026-12-01T17:00 --interval 15m --values 1,1,0,0
      hpclient schedule set hp0001,hp0002 room --csv tomorrow.csv
      hpclient schedule disable @north evu           in each heat pump of a group
      hpclient schedule show hp0001                  what is scheduled, as a bar for each day
      hpclient schedule disable hp0001 evu           it ends, or does not start
      hpclient schedule enable hp0001 evu            it starts at its time again
      hpclient schedule clear hp0001 evu             its values and start times are gone

    \b
    What can be scheduled has a word:
      evu       block by the utility: 1 blocks the heat pump
      sg-ready  SG Ready state 1 to 4
      relay1..  spare relays: 1 closes
      room      room set point, °C
      power     limit of the active power, W
    or is named by its reference, such as HP/EvuGGIO1.SPCSO1.

    You have one schedule for each, in the slot of your grant; the one of the highest priority wins. A heat
    pump keeps an enabled schedule over restarts and without a network.
    """


def _plan_options(command: _F) -> _F:
    for option in reversed(
        (
            click.option(
                "--start",
                metavar="TIME",
                help="2026-12-01T17:00 (local), 2026-12-01T17:00+01:00, or +10min from now.",
            ),
            click.option(
                "--interval",
                callback=_interval,
                metavar="DURATION",
                help="Of each value: 15m, 1h, 90s.",
            ),
            click.option(
                "--values", metavar="V,V,..", help="1 and 0 (or on and off) for relays, else numbers."
            ),
            click.option(
                "--csv",
                "table",
                type=click.Path(dir_okay=False, path_type=Path),
                callback=_file,
                help="File of lines time,value with equal steps, instead of the three.",
            ),
            click.option(
                "--repeat",
                type=click.Choice([one.value for one in Repeat]),
                default=Repeat.ONCE.value,
                help="Start again by the calendar of the house, at the same time of day.",
            ),
            click.option("--reuse", is_flag=True, help="Ended, it waits for another start time."),
            click.option("--disabled", is_flag=True, help="Only write it; enable it later."),
            zone_option,
            slot_option,
        )
    ):
        command = option(command)
    return command


@schedule.command("set", context_settings={"ignore_unknown_options": True})
@click.argument("heatpumps")
@click.argument("what")
@_plan_options
def set_(heatpumps: str, what: str, slot: int | None, disabled: bool, **given: Any) -> None:
    """Write a schedule into HEATPUMPS (hp0001, or hp0001,hp0002, or @north) for WHAT and enable it.

    \b
      hpclient schedule set hp0001 evu --start 2026-12-01T17:00+01:00 --interval 15m --values 1,1,0,0
      hpclient schedule set hp0001 room --start 2026-12-01T22:00 --interval 8h --values 18 --repeat daily
      hpclient schedule set hp0001 sg-ready --csv tomorrow.csv

    It takes the place of your schedule that was there. A start that is past is right as long as the schedule
    has not ended: it runs as if it had been started in time. In a CSV file every step is checked: on the day
    that summer time ends, the hour that comes twice has its lines twice.
    """
    try:
        plan = _plan(**given)
    except UnusableValue as error:
        sys.exit(report(error))
    _set(heat_pumps(heatpumps), what, plan, slot, enable=not disabled)


@connected
async def _set(
    sp: ServiceProvider, names: list[str], what: str, plan: SchedulePlan, slot: int | None, *, enable: bool
) -> int:
    async def one(heatpump: str) -> None:
        done = await sp.schedules.set(heatpump, what, plan, slot=slot, enable=enable)
        click.echo(f"{heatpump}\t{done}\t{'enabled' if enable else 'written'}")

    return await for_each(await members(sp, names), one)


def _plan(
    start: str | None, interval: float | None, values: str | None, table: str | None, **given: Any
) -> SchedulePlan:
    zone, repeat, reuse = given["zone"], Repeat(given["repeat"]), given["reuse"]
    apart = [one for one in (start, interval, values) if one is not None]
    if table is not None:
        if apart:
            raise click.UsageError("--csv has start, interval and values: leave the options away")
        found = plan_from_csv(table, zone, repeat)
        return SchedulePlan(found.start, found.interval, found.values, repeat, reuse)
    if start is None or interval is None or values is None:
        raise click.UsageError("give --start, --interval and --values, or --csv")
    texts = [one.strip() for one in values.split(",")]
    return SchedulePlan(_start(start, zone), timedelta(seconds=interval), texts, repeat, reuse)


def _start(text: str, zone: tzinfo | None) -> datetime:
    if text.startswith("+"):
        return to_local(time_from_text(text, datetime.now(UTC)).replace(microsecond=0), zone)
    return time_of(text, zone)


def _simple(name: str, done: str, help_: str) -> click.Command:
    """A command that does one thing to a schedule."""

    @click.command(name, help=help_)
    @click.argument("heatpumps")
    @click.argument("what")
    @slot_option
    @connected
    async def command(sp: ServiceProvider, heatpumps: str, what: str, slot: int | None) -> int:
        async def one(heatpump: str) -> None:
            reference = await getattr(sp.schedules, name)(heatpump, what, slot=slot)
            click.echo(f"{heatpump}\t{reference}\t{done}")

        return await for_each(await members(sp, heat_pumps(heatpumps)), one)

    return command


schedule.add_command(_simple("enable", "enabled", "Enable your schedule for WHAT: it starts at its time."))
schedule.add_command(
    _simple("disable", "disabled", "Disable your schedule for WHAT: it ends, or does not start.")
)
schedule.add_command(_simple("clear", "cleared", "Disable your schedule for WHAT and empty it."))


@schedule.command()
@click.argument("heatpumps")
@click.argument("what", default="")
@slot_option
@zone_option
@click.option("--all", "empty_too", is_flag=True, help="Those without values too.")
@json_option
@connected
async def show(  # noqa: PLR0913 - options
    sp: ServiceProvider,
    heatpumps: str,
    what: str,
    *,
    slot: int | None,
    zone: tzinfo | None,
    empty_too: bool,
    as_json: bool,
) -> int:
    """Show the schedules that you may see, of WHAT or of all, with their values as a bar for each day.

    A character of the bar is half an hour of local time. The run that is drawn is the one that is now, or the
    next one.
    """
    found: list[ShownSchedule] = []

    async def one(heatpump: str) -> None:
        shown = await sp.schedules.show(heatpump, what, slot=slot)
        found.extend(schedule for schedule in shown if empty_too or as_json or not schedule.empty)

    code = await for_each(await members(sp, heat_pumps(heatpumps)), one)
    found.sort(key=lambda one: (one.heatpump, one.what, one.slot))
    if as_json:
        print_json([one.as_dict() for one in found])
    else:
        print_schedules(found, zone, datetime.now(UTC))
    return code


def print_schedules(found: list[ShownSchedule], zone: tzinfo | None, now: datetime) -> None:
    """Each with its state and its bar; in colour on a terminal."""
    plain = not sys.stdout.isatty()
    console = Console(highlight=False, soft_wrap=True, no_color=plain, width=None if not plain else 200)
    if not found and not plain:
        console.print("nothing is scheduled", style="dim")
    for one in found:
        console.print(_heading(one, zone))
        for line in bars(one, zone, now, plain=plain):
            console.print(line)
        if one.begin is not None:
            console.print(Text(f"{'':12}{legend(one, plain=plain)}", "" if plain else "dim"))


def _heading(one: ShownSchedule, zone: tzinfo | None) -> Text:
    line = Text(f"{one.heatpump} {one.what} slot {one.slot}  ")
    line.append(one.state, _STATES.get(one.state, ""))
    parts = [f"priority {one.priority}", f"{len(one.values)} x {one.interval}"]
    if one.entry:
        parts.append(f"entry {one.entry}" + ("" if one.wins else " (another schedule wins)"))
    if one.next_start is not None:
        parts.append(f"next {to_local(one.next_start, zone):%Y-%m-%d %H:%M}")
    if one.error:
        parts.append(one.error)
    return line.append("  " + ", ".join(parts))
