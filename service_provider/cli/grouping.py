"""What all heat pumps of a group said: progress while they do, then a summary that names the others."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from service_provider.cli.exits import DONE, NO_ANSWER, REFUSED
from service_provider.cli.output import print_readings, print_table
from service_provider.group_results import MemberResult, Outcome
from service_provider.groups import REPEATS

repeat_option = click.option(
    "--repeat", type=click.IntRange(0, 10), default=REPEATS, show_default=True,
    help="For a group: how often those that do not answer are asked again.",
)  # fmt: skip

_STYLES = {Outcome.DONE: "green", Outcome.REFUSED: "red", Outcome.SILENT: "yellow"}
_CODES = ((Outcome.SILENT, NO_ANSWER), (Outcome.REFUSED, REFUSED))
"""Exit codes by what happened; silence says least, so it counts first."""


async def show_results(results: AsyncGenerator[MemberResult, None], members: int, *, as_json: bool) -> int:
    """Print what comes and then a summary; returns the exit code."""
    counts: Counter[Outcome] = Counter()
    others: list[MemberResult] = []
    read: list[MemberResult] = []
    progress = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        console=Console(stderr=True), transient=True, disable=as_json or not sys.stderr.isatty(),
    )  # fmt: skip
    with progress:
        task = progress.add_task("", total=members)
        async with aclosing(results) as each:
            async for result in each:
                counts[result.outcome] += 1
                progress.update(task, advance=1, description=_in_words(counts))
                if as_json:
                    click.echo(json.dumps(result.as_dict(), ensure_ascii=False))
                    continue
                if result.readings:
                    read.append(result)
                if result.error is not None:
                    others.append(result)
    if as_json:
        summary = {outcome.value: counts[outcome] for outcome in Outcome}
        click.echo(json.dumps({"summary": summary}))
    else:
        if read:
            print_readings([one for result in sorted(read, key=_by_id) for one in result.readings])
        _print_summary(counts, others)
    return next((code for outcome, code in _CODES if counts[outcome]), DONE)


def _print_summary(counts: Counter[Outcome], others: list[MemberResult]) -> None:
    """Who is not done and why, and how many there are of each, for people on stderr."""
    if others:
        rows = [
            (one.heatpump, Text(one.outcome.value, _STYLES[one.outcome]), str(one.error))
            for one in sorted(others, key=_by_id)
        ]
        print_table(("heat pump", "outcome", "why"), rows)
    click.echo(f"hpclient: {_in_words(counts)}", err=True)


def _by_id(result: MemberResult) -> str:
    return result.heatpump


def _in_words(counts: Counter[Outcome]) -> str:
    return ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome)
