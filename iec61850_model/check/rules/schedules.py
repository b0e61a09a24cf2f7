"""Schedules and their controllers: FSCH and FSCC (7-4, Annex K)."""

from __future__ import annotations

from collections.abc import Iterator

from iec61850_model.check.document import Document, children, line, title
from iec61850_model.check.finding import Finding, Severity

_VALUES = {"ValINS": "ValING", "ValSPS": "ValSPG", "ValENS": "ValENG", "ValMV": "ValASG"}
"""The kinds of value: what is in force now, and the name of its entries, that have a number behind."""


def schedule_values(document: Document) -> Iterator[Finding]:
    """A schedule has exactly one kind of value, whose entries are numbered from 1 without a gap.

    That a second kind, or entries of another kind, are forbidden is a presence condition of the class.
    """
    for template in document.templates("LNodeType"):
        if template.get("lnClass") not in ("FSCH", "FSCC"):
            continue
        names = [one.get("name", "") for one in children(template, "DO")]
        if not any(name in _VALUES for name in names):
            yield Finding(
                line(template),
                Severity.ERROR,
                "schedules",
                title(template),
                "it has no kind of value",
                f"add one of {', '.join(_VALUES)}: the one its controlled data object takes",
            )
        for prefix in (*_VALUES.values(), "StrTm", "Schd"):
            numbers = sorted(
                int(name.removeprefix(prefix))
                for name in names
                if name.startswith(prefix) and name.removeprefix(prefix).isdecimal()
            )
            if numbers and numbers != list(range(1, len(numbers) + 1)):
                missing = next(at for at, number in enumerate([*numbers, -1], 1) if at != number)
                yield Finding(
                    line(template),
                    Severity.ERROR,
                    "schedules",
                    title(template),
                    f"its {prefix} are not numbered 1 to {len(numbers)}: {prefix}{missing} is not there",
                    "number them from 1 without a gap",
                )
