"""What each heat pump in a group said to a request."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from iec61850_model.client import ClientError, NoAnswer
from service_provider.reading import Reading


class Outcome(enum.StrEnum):
    """Silent: no answer in time, or away; it may have been carried out or not."""

    DONE = "done"
    REFUSED = "refused"
    SILENT = "no answer"


@dataclass(frozen=True, slots=True)
class MemberResult:
    """The result of one heat pump: ``error`` says why it is not done, ``readings`` what was read."""

    heatpump: str
    error: ClientError | None = None
    readings: tuple[Reading, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """Done, refused or silent."""
        if self.error is None:
            return Outcome.DONE
        return Outcome.SILENT if isinstance(self.error, NoAnswer) else Outcome.REFUSED

    def as_dict(self) -> dict[str, Any]:
        """For JSON: heatpump, outcome, error (null if done); and readings, if it was to read."""
        found: dict[str, Any] = {
            "heatpump": self.heatpump,
            "outcome": self.outcome.value,
            "error": None if self.error is None else str(self.error),
        }
        if self.readings:
            found["readings"] = [one.as_dict() for one in self.readings]
        return found
