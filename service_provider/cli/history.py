"""``hpclient history``: a table on a terminal, CSV or JSON for programs."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from iec61850_model.client import UnusableValue
from iec61850_model.reference import Reference
from iec61850_model.values import Validity
from service_provider.cli.connection import connected
from service_provider.cli.exits import printable
from service_provider.cli.output import json_option, print_row, print_table, shown_time
from service_provider.history import HistoryInterval, validity
from service_provider.provider import ServiceProvider
from service_provider.reading import NO_VALUE, Reading, iso, jsonable, plain_text
from service_provider.text import time_from_text

CHUNK = 288
"""Intervals of one table on a terminal: a day of 5 minutes."""
_MARK = {Validity.GOOD: "", Validity.QUESTIONABLE: "?"}


@click.command("history")
@click.argument("heatpump")
@click.argument("quantities", metavar="[REFERENCE]...", nargs=-1)
@click.option(
    "--from", "start", metavar="TIME", default="-1d", show_default=True,
    help="Intervals that ended from then on: -2h, -1d, or 2026-11-23T04:45:00Z (local time without a zone).",
)  # fmt: skip
@click.option("--to", "stop", metavar="TIME", help="Intervals that ended until then; both ends count in.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, with a head; an interval a line.")
@json_option
@connected
async def history(  # noqa: PLR0913 - one parameter for each option
    sp: ServiceProvider,
    *,
    heatpump: str,
    quantities: tuple[str, ...],
    start: str,
    stop: str | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Show what the hub has stored of a heat pump: averages of every 5 minutes, and counters.

    \b
      hpclient history hp0001                                       the last day, all quantities
      hpclient history hp0001 MMXU1.TotW FwdSTMP1.Tmp --from -2h    some of them
      hpclient history hp0001 --from 2026-11-01 --to 2026-12-01 --csv > november.csv
      hpclient history hp0001 --from -7d --json

    It takes the right history, and shows the intervals that your grants in force cover, also while the heat
    pump is offline. On a terminal times are local and ? marks what is questionable, — what is invalid; an
    empty place was not reported. CSV and JSON (an interval a line) have UTC, and the quality beside each
    value. A REFERENCE is MMXU1.TotW or HIST/MMXU1.TotW.
    """
    if as_csv and as_json:
        raise click.UsageError("--csv and --json contradict each other")
    now = datetime.now(UTC)
    first = time_from_text(start, now)
    last = None if stop is None else time_from_text(stop, now)
    columns = _chosen(await sp.history.newest(heatpump), quantities)
    show = _writer(columns, as_csv=as_csv, as_json=as_json)
    intervals = sp.history.intervals(heatpump, start=first, stop=last)
    waiting: list[HistoryInterval] = []
    many = CHUNK if sys.stdout.isatty() and not (as_csv or as_json) else 1
    found = 0
    with _progress(first, min(last or now, now)) as progress:
        async with aclosing(intervals):
            async for interval in intervals:
                found += 1
                progress.reached(found, interval.end)
                waiting.append(interval)
                if len(waiting) >= many:
                    progress.beside(lambda: show(waiting))
                    waiting.clear()
    if waiting:
        show(waiting)
    if not found:
        click.echo("hpclient: nothing is stored of that time, or your grants do not cover it", err=True)


def _chosen(every: Sequence[Reading], wanted: Sequence[str]) -> list[Reading]:
    """The quantities that are asked for, in that order; all without any."""
    if not wanted:
        return list(every)
    by_name = {name: one for one in every for name in _names(one.reference)}
    unknown = [name for name in wanted if name not in by_name]
    if unknown:
        choices = ", ".join(_short(one.reference) for one in every)
        raise UnusableValue(f"{unknown[0][:80]!r} is no quantity of the history: there are {choices}")
    return [by_name[name] for name in wanted]


def _names(reference: Reference) -> tuple[str, ...]:
    return _short(reference), reference.without_fc, str(reference)


def _short(reference: Reference) -> str:
    return reference.without_fc.partition("/")[2]


# --- how it looks ----------------------------------------------------------------------------------

_Show = Callable[[Sequence[HistoryInterval]], None]


def _writer(columns: Sequence[Reading], *, as_csv: bool, as_json: bool) -> _Show:
    if as_json:
        return lambda intervals: _print_json(columns, intervals)
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        heads = [head for one in columns for head in (_head(one, " "), f"{_short(one.reference)}.q")]
        writer.writerow(["end", *heads])
        return lambda intervals: writer.writerows(_csv_row(columns, one) for one in intervals)
    if sys.stdout.isatty():
        return lambda intervals: _print_table(columns, intervals)
    return lambda intervals: _print_lines(columns, intervals)


def _print_json(columns: Sequence[Reading], intervals: Sequence[HistoryInterval]) -> None:
    wanted = {one.reference.without_fc for one in columns}
    for interval in intervals:
        told = interval.as_dict()
        told["values"] = [one for one in told["values"] if one["reference"] in wanted]
        click.echo(json.dumps(told, ensure_ascii=False))


def _csv_row(columns: Sequence[Reading], interval: HistoryInterval) -> Iterator[object]:
    yield iso(interval.end)
    for column in columns:
        one = interval.of(column.reference)
        yield "" if one is None or not one.valid else jsonable(one.value)
        yield "" if one is None else validity(one)


def _print_table(columns: Sequence[Reading], intervals: Sequence[HistoryInterval]) -> None:
    """Without the quantities that none of these intervals has."""
    shown = [one for one in columns if any(_is_there(one, interval) for interval in intervals)] or columns
    rows = [
        (shown_time(one.end), *(_cell(one.of(column.reference)) for column in shown)) for one in intervals
    ]
    print_table(("end", *(_head(one, "\n") for one in shown)), rows)


def _print_lines(columns: Sequence[Reading], intervals: Sequence[HistoryInterval]) -> None:
    for interval in intervals:
        print_row((iso(interval.end), *(_cell(interval.of(column.reference)) for column in columns)))


def _is_there(column: Reading, interval: HistoryInterval) -> bool:
    one = interval.of(column.reference)
    return one is not None and one.valid


def _head(column: Reading, between: str) -> str:
    return printable(f"{_short(column.reference)}{between}[{column.unit}]")


def _cell(reading: Reading | None) -> str | Text:
    if reading is None:
        return ""
    if not reading.valid or reading.quality is None:
        return Text(NO_VALUE, "red")
    mark = _MARK.get(reading.quality.validity, "?")
    text = plain_text(reading.value) + mark
    return Text(text, "yellow") if mark else text


# --- how far it is ---------------------------------------------------------------------------------


class _Reached:
    """How far the pages are, for a person who waits; it makes way for what is printed."""

    def __init__(self, bar: Progress, first: datetime, last: datetime) -> None:
        self._bar = bar
        self._first = first.timestamp()
        self._task = bar.add_task("", total=max(last.timestamp() - self._first, 1.0))

    def reached(self, count: int, end: datetime) -> None:
        """So many intervals came, the last of this time."""
        words = f"{count} intervals, {end.astimezone():%Y-%m-%d %H:%M}"
        self._bar.update(self._task, completed=end.timestamp() - self._first, description=words)

    def beside(self, show: Callable[[], None]) -> None:
        """Print something while the bar is away."""
        if self._bar.disable or not sys.stdout.isatty():
            show()
            return
        self._bar.stop()
        show()
        self._bar.start()


@contextmanager
def _progress(first: datetime, last: datetime) -> Iterator[_Reached]:
    """On stderr, if that is a terminal; what goes to stdout is left alone."""
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), console=Console(stderr=True), transient=True,
        redirect_stdout=False, redirect_stderr=False, disable=not sys.stderr.isatty(),
    )  # fmt: skip
    with bar:
        yield _Reached(bar, first, last)
