"""Exit codes, and errors as one sentence on stderr."""

from __future__ import annotations

import click

from iec61850_model.client import AmbiguousReference, ControlRefused, NoAnswer, UnusableValue
from service_provider.add_causes import explained
from service_provider.errors import NoSuchHeatPump, NotAllowed

DONE = 0
REFUSED = 1
WRONG_USE = 2
NO_RIGHT = 3
NO_ANSWER = 4
INTERRUPTED = 130
"""As shells say it: ended by Ctrl-C."""


def exit_code(error: Exception) -> int:
    """The exit code that goes with an error."""
    match error:
        case NoSuchHeatPump() | NotAllowed():
            return NO_RIGHT
        case NoAnswer():
            return NO_ANSWER
        case AmbiguousReference() | UnusableValue() | ValueError():
            return WRONG_USE
    return REFUSED


def report(error: Exception) -> int:
    """Say what went wrong on stderr; returns the exit code."""
    click.echo(f"hpclient: {printable(str(error))}{_why(error)}", err=True)
    return exit_code(error)


def _why(error: Exception) -> str:
    """Of a refused control what its AddCause means."""
    cause = error.add_cause if isinstance(error, ControlRefused) else None
    return "" if cause is None else f"\n  {explained(cause)}"


def printable(text: str) -> str:
    """Outside text for a terminal: nothing in it acts on the terminal."""
    return "".join(
        char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text
    )
