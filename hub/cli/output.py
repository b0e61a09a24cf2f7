"""Everything a command prints: a table on a terminal, aligned plain text in a pipe, or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

NOTHING = "-"
"""Stands for an empty cell, so that columns stay countable."""

_STYLES: Mapping[str, str] = {
    "online": "green",
    "live": "green",
    "offline": "red",
    "refusal": "red",
    "unknown": "yellow",
    "not yet": "yellow",
    "open": "yellow",
    "approved": "green",
    "refused": "red",
    "revoked": "dim",
    "expired": "dim",
}
"""How words of a state look on a terminal."""


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """Print rows under their column names, or ``empty``, which says what to do, if there are none."""
    if not rows:
        click.echo(empty)
        return
    cells = [[printable(cell) or NOTHING for cell in row] for row in rows]
    if sys.stdout.isatty():
        table = Table(*columns, header_style="bold", box=None, pad_edge=False)
        for row in cells:
            table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
        Console().print(table)
        return
    lines = [[column.upper() for column in columns], *cells]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def show_record(fields: Mapping[str, str]) -> None:
    """Print the fields of one thing, one a line."""
    width = max(len(name) for name in fields)
    for name, value in fields.items():
        shown = printable(value) or NOTHING
        if sys.stdout.isatty():
            Console(soft_wrap=True).print(
                Text(f"{name:<{width}}  ", "bold") + Text(shown, _STYLES.get(value, ""))
            )
        else:
            click.echo(f"{name:<{width}}  {shown}")


def show_line(cells: Sequence[str]) -> None:
    """Print one row of a list that goes on for ever, where nothing can be aligned."""
    click.echo("  ".join(printable(cell) or NOTHING for cell in cells))


def show_json(value: Any) -> None:
    """Print a list or an object for programs."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def show_json_line(value: Any) -> None:
    """Print an object in one line (JSON lines)."""
    click.echo(json.dumps(value, ensure_ascii=False))


def printable(text: str) -> str:
    """``text`` in one line without control characters: strangers' texts must not steer the terminal."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
