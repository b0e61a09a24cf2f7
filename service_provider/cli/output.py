"""How results look: tables and trees on a terminal, plain lines in a pipe, JSON where asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from service_provider.cli.exits import printable
from service_provider.listing import Listed
from service_provider.presence import Presence, PresenceChange
from service_provider.reading import Reading, iso
from service_provider.tree import Branch, Kind

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

_PRESENCE_STYLES = {Presence.ONLINE: "green", Presence.OFFLINE: "red", Presence.UNKNOWN: "yellow"}
_KIND_STYLES = {
    Kind.SERVER: "bold",
    Kind.LOGICAL_DEVICE: "bold cyan",
    Kind.LOGICAL_NODE: "cyan",
    Kind.ATTRIBUTE: "dim",
}


def print_json(what: Any) -> None:
    """One JSON document."""
    click.echo(json.dumps(what, ensure_ascii=False, indent=2))


def print_lines(lines: Iterable[str]) -> None:
    """Plain lines."""
    for line in lines:
        click.echo(printable(line))


def print_row(cells: Iterable[str | Text]) -> None:
    """One line with tabs between the columns."""
    click.echo("\t".join(printable(str(cell)) for cell in cells))


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """A table on a terminal; in a pipe lines with tabs between the columns and no head."""
    if not sys.stdout.isatty():
        for row in rows:
            print_row(row)
        return
    table = Table(box=None, pad_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(printable(cell)) for cell in row))
    Console().print(table)


def print_readings(readings: Sequence[Reading]) -> None:
    """Readings, one a line; they are of one heat pump, which a person knows and a program may not."""
    named = not sys.stdout.isatty()
    heads = ("reference", "value", "quality", "time")
    rows = [
        (
            *((one.heatpump,) if named else ()),
            str(one.reference),
            _value(one),
            "" if one.quality is None else one.quality.text,
            "" if one.time is None else shown_time(one.time),
        )
        for one in readings
    ]
    print_table(heads, rows)


def print_presences(changes: Sequence[PresenceChange]) -> None:
    """Heat pumps with their link state."""
    rows = [(one.heatpump, Text(one.presence, _PRESENCE_STYLES[one.presence])) for one in changes]
    print_table(("heat pump", "presence"), rows)


def print_listed(found: Sequence[Listed]) -> None:
    """Heat pumps with their link state, and groups."""
    rows = [
        (one.name, Text("group") if (state := one.presence) is None else Text(state, _PRESENCE_STYLES[state]))
        for one in found
    ]
    print_table(("heat pump", "presence"), rows)


def print_change(change: PresenceChange) -> None:
    """One change of presence, with its time."""
    if not sys.stdout.isatty():
        click.echo(f"{iso(change.time)}\t{change.heatpump}\t{change.presence}")
        return
    line = Text(f"{change.time.astimezone():%H:%M:%S}  {change.heatpump}  ")
    Console().print(line.append(change.presence, _PRESENCE_STYLES[change.presence]))


def print_tree(branch: Branch) -> None:
    """A tree with values; in a pipe indented by two blanks a level."""
    if not sys.stdout.isatty():
        print_lines(_indented(branch, 0))
        return
    Console().print(_rich(branch))


def _rich(branch: Branch) -> Tree:
    tree = Tree(Text(printable(branch.label), _KIND_STYLES.get(branch.kind, "")), guide_style="dim")
    for child in branch.children:
        tree.children.append(_rich(child))
    return tree


def _indented(branch: Branch, level: int) -> Iterable[str]:
    yield "  " * level + branch.label
    for child in branch.children:
        yield from _indented(child, level + 1)


def _value(reading: Reading) -> str | Text:
    return reading.text if reading.valid else Text(reading.text, "red")


def shown_time(time: datetime) -> str:
    """Local time on a terminal, ISO 8601 in UTC in a pipe."""
    if not sys.stdout.isatty():
        return iso(time)
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S}"
