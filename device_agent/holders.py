"""Who holds each controlled object, and until when, as text in the model: the data objects Hld1, Hld2, .."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

import structlog

from device_agent.authority import Holder, Wanted
from device_agent.clock import Clock
from device_agent.guarded_relay import monotonic
from device_agent.limits import Refusal
from iec61850_model.reference import Reference
from iec61850_model.tree import NoSuchNode, Tree
from iec61850_model.values import GOOD

log = structlog.get_logger()

MAX_TEXT = 255
"""Characters of a VSS (7-3)."""
FURTHEST = 4_000_000_000.0
"""Seconds since 1970 UTC: what lies beyond has no use as an end."""


class HolderView:
    """Shows ``Wanted`` in the model: of HP/EvuGGIO1.SPCSO1 in HP/EvuGGIO1.Hld1, of SPCSO2 in Hld2, of a data
    object without a number in Hld1. A model without these goes without."""

    def __init__(self, tree: Tree, references: Iterable[Reference], clock: Clock) -> None:
        self._tree = tree
        self._clock = clock
        self._places = {reference: _place(tree, reference) for reference in references}
        self._shown: dict[Reference, tuple[Wanted, Refusal | None]] = {}

    def show(self, reference: Reference, wanted: Wanted, refusal: Refusal | None) -> None:
        """Show who holds an object, and the limit its value waits for."""
        if self._shown.get(reference) == (wanted, refusal):
            return
        news = reference in self._shown or wanted.holder is not Holder.NOBODY
        self._shown[reference] = (wanted, refusal)
        text = self._text(wanted, refusal)
        if news:
            log.info("holder", reference=str(reference), value=wanted.value, holder=text)
        place = self._places[reference]
        if place is not None:
            self._tree.update(place, text[:MAX_TEXT], GOOD, self._clock.moment().timestamp)

    def _text(self, wanted: Wanted, refusal: Refusal | None) -> str:
        text = " ".join(filter(None, (wanted.holder.value, wanted.schedule)))
        if wanted.until is not None:
            text += f" until {self._utc(wanted.until)}"
        if refusal is not None:
            end = self._utc(refusal.until)
            text += f"; waits: {refusal.kind.words}" + (f" until {end}" if end else "")
        return text

    def _utc(self, at: float) -> str:
        seconds = self._clock.moment().now + at - monotonic()
        if not 0 <= seconds < FURTHEST:
            return ""
        return datetime.fromtimestamp(round(seconds), UTC).isoformat().replace("+00:00", "Z")


def _place(tree: Tree, reference: Reference) -> Reference | None:
    number = re.search(r"[0-9]+$", reference.path[-1])
    place = Reference(reference.ld, reference.ln, (f"Hld{number[0] if number else 1}",))
    try:
        tree.read(place)
    except NoSuchNode:
        return None
    return place
