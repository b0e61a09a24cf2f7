"""What a rule has to say about a model."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Severity(enum.StrEnum):
    """An error is to be corrected; a note is worth reading and may be meant so."""

    ERROR = "error"
    NOTE = "note"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing found. ``line`` counts from 1; ``place`` is an object or type; ``remedy`` says what to do."""

    line: int
    severity: Severity
    rule: str
    place: str
    problem: str
    remedy: str
