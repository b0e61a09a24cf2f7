"""Reports as they come: a live table on a terminal, lines in a pipe, JSON where asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import nullcontext

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from service_provider.cli.exits import printable
from service_provider.cli.output import print_row
from service_provider.reading import iso
from service_provider.reports import HeatPumpReport, ReportEntry

REFRESH = 4.0
"""Times a second that the table is drawn anew, at most."""


class Board:
    """The last value of everything that was reported."""

    def __init__(self) -> None:
        self._entries: dict[str, ReportEntry] = {}
        self._last: HeatPumpReport | None = None
        self._overflowed = self._missed = False

    def take(self, report: HeatPumpReport) -> None:
        """Take over what a report tells."""
        self._last = report
        self._overflowed = self._overflowed or report.buf_ovfl
        self._missed = self._missed or report.missed
        self._entries.update({str(entry.reading.reference): entry for entry in report.entries})

    def table(self) -> Table:
        """Everything as a table; what the last report told is in bold."""
        table = Table(box=None, pad_edge=False, title=self._title(), title_justify="left")
        for head in ("reference", "value", "quality", "time", "reason"):
            table.add_column(head, overflow="fold")
        fresh = self._last.entries if self._last else ()
        for name, entry in self._entries.items():
            reading = entry.reading
            cells = (
                Text(printable(name)),
                Text(printable(reading.text), "" if reading.valid else "red"),
                "" if reading.quality is None else reading.quality.text,
                "" if reading.time is None else f"{reading.time.astimezone():%H:%M:%S}",
                entry.why,
            )
            table.add_row(*cells, style="bold" if entry in fresh else None)
        return table

    def _title(self) -> Text:
        if self._last is None:
            return Text("no report yet: Ctrl-C ends")
        time = "" if self._last.time is None else f"{self._last.time.astimezone():  %Y-%m-%d %H:%M:%S}"
        title = Text(printable(f"{self._last.heatpump}  {self._last.data_set}{time}"))
        if self._overflowed:
            title.append("  the box's buffer overflowed, the oldest reports are gone", "red")
        if self._missed:
            title.append("  reports were lost on the way", "yellow")
        return title


async def show(reports: AsyncIterator[HeatPumpReport], as_json: bool, count: int | None) -> None:
    """Show reports until there are no more, or ``count`` were shown."""
    board, left = Board(), count
    on_terminal = sys.stdout.isatty() and not as_json
    live = Live(board.table(), console=Console(), refresh_per_second=REFRESH) if on_terminal else None
    with live or nullcontext():
        async for report in reports:
            if as_json:
                click.echo(json.dumps(report.as_dict(), ensure_ascii=False))
            elif live is not None:
                board.take(report)
                live.update(board.table())
            else:
                _print_lines(report)
            if left is not None:
                left -= 1
                if left == 0:
                    return


def _print_lines(report: HeatPumpReport) -> None:
    for entry in report.entries:
        reading = entry.reading
        print_row(
            (
                "" if reading.time is None else iso(reading.time),
                str(reading.reference),
                reading.text,
                "" if reading.quality is None else reading.quality.text,
                entry.why,
            )
        )
    if report.buf_ovfl:
        click.echo("hpclient: the box's buffer overflowed: the reports before this one are gone", err=True)
    if report.missed:
        click.echo("hpclient: reports before this one were lost on the way", err=True)
