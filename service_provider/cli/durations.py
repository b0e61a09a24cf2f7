"""Durations and ends of a watch: ``--for 10min``, ``--count 5``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

_DURATION = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(s|m|min|h)?", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, None: 1}
_F = TypeVar("_F", bound=Callable[..., Any])


def seconds(_context: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """A duration such as 10s, 5min or 2h, in seconds."""
    if value is None:
        return None
    match = _DURATION.fullmatch(value)
    if match is None:
        raise click.BadParameter(f"{value!r} is not a duration: write 10s, 5min or 2h")
    return float(match[1]) * _SECONDS[match[2]]


def until_options(command: _F) -> _F:
    """The options that end a watch."""
    command = click.option("--count", type=click.IntRange(min=1), help="End after so many lines.")(command)
    return click.option(
        "--for", "duration", callback=seconds, metavar="DURATION", help="End after 10s, 5min, 2h."
    )(command)
