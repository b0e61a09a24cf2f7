"""Times as an operator types and reads them: local on the screen, UTC in JSON."""

from __future__ import annotations

import click

from hub.time_text import local_time, parsed_time, utc_time

__all__ = ["When", "local_time", "utc_time"]


class When(click.ParamType[float]):
    """A point in time, in seconds since 1970 UTC: ISO 8601, a date, or an amount such as ``30d``.

    ``direction`` is 1 if an amount counts from now on, -1 if it counts back.
    """

    name = "time"

    def __init__(self, direction: int) -> None:
        self._direction = direction

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read what was typed; a time without a zone is local, a date means its first moment."""
        try:
            return parsed_time(str(value), self._direction)
        except ValueError as wrong:
            self.fail(str(wrong), param, ctx)
