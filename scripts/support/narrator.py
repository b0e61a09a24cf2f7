"""Tells the demo's story: colour and tables on a terminal, plain lines in a pipe."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text


class StepFailed(Exception):
    """A step did not do what it says; the message says what was seen instead."""


class Narrator:
    """Numbers the steps and shows the real commands with what they answered."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._step = 0
        self._start = time.monotonic()

    def preparing(self, what: str) -> None:
        """One line on what is being made ready."""
        self._console.print(Text(f"   {what}", style="dim"), soft_wrap=True)

    def step(self, title: str) -> None:
        """Begin the next step."""
        self._step += 1
        self._console.print()
        self._console.print(Text(f"{self._step:2}. {title}", style="bold"), soft_wrap=True)

    def command(self, arguments: Sequence[str]) -> None:
        """Show a command as one would type it."""
        self._console.print(Text(f"    $ {shlex.join(arguments)}", style="cyan"), soft_wrap=True)

    def lines(self, text: str) -> None:
        """Show what a command printed."""
        for line in text.rstrip().splitlines():
            self._console.print(Text(f"      {line}"), soft_wrap=True)

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Show values in columns."""
        if not self._console.is_terminal:
            found: list[Sequence[str]] = [heads, *rows]
            widths = [max(len(row[at]) for row in found) for at in range(len(heads))]
            for row in found:
                cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
                self._console.print(Text("      " + "  ".join(cells).rstrip()), soft_wrap=True)
            return
        table = Table(*heads, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        grid = Table.grid(padding=(0, 0, 0, 6))
        grid.add_row(table)
        self._console.print(grid)

    def seen(self, what: str) -> None:
        """What the step showed."""
        self._console.print(Text(f"    ✓ {what}", style="green"), soft_wrap=True)

    def failed(self, what: str) -> None:
        """The story ends here."""
        self._console.print(Text(f"    ✗ {what}", style="bold red"), soft_wrap=True)

    def end(self, what: str) -> None:
        """The last line, with the time the whole took."""
        self._console.print()
        self._console.print(Text(f"{what} ({time.monotonic() - self._start:.0f} s)", style="bold"))
