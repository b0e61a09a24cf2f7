"""What a box says of itself: LD0 with its clock, link, health and alarms."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from iec61850_model.reference import Reference
from iec61850_model.server import Moment
from iec61850_model.tree import NoSuchNode, Tree
from iec61850_model.types import Value
from iec61850_model.values import GOOD

log = structlog.get_logger()

_OK, _WARNING, _ALARM = 1, 2, 3
_INTERNAL_CLOCK, _GLOBAL_AREA_CLOCK = 0, 2
_HEALTHS = ("LD0/LLN0.Health", "MET/LLN0.Health", "HP/LLN0.Health", "LD0/LPHD1.PhyHealth")


class Housekeeping:
    """Keeps the data objects of LD0 that follow from the box's own state."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._failing: Mapping[str, str] = {}

    def start(self, moment: Moment) -> None:
        """The values the model file gives hold from now on: they get the time of the start."""
        for reference, _ in self._tree.data_objects():
            try:
                value, quality, _ = self._tree.read(reference)
            except NoSuchNode:
                continue
            if quality == GOOD:
                self._tree.update(reference, value, quality, moment.timestamp)
        self._set("LD0/LTMS1.TmSrc", "kernel", moment)

    def refresh(
        self, moment: Moment, online: bool, failing: Mapping[str, str], *, alarm: bool, warning: bool = False
    ) -> None:
        """Follow link, clock, the data objects that have no usable value (with the reason), whether the box
        itself cannot do its duty, and whether something else is worth a warning."""
        self._set("LD0/XmpLCCH1.ChLiv", online, moment)
        self._set("LD0/LTMS1.TmSyn", _GLOBAL_AREA_CLOCK if moment.synchronized else _INTERNAL_CLOCK, moment)
        self._set("LD0/BoxCALH1.GrWrn", bool(failing) or warning, moment)
        self._set("LD0/BoxCALH1.GrAlm", alarm, moment)
        for health in _HEALTHS:
            self._set(health, _ALARM if alarm else _WARNING if failing or warning else _OK, moment)
        for name in failing.keys() - self._failing.keys():
            log.warning("no usable value", reference=name, reason=failing[name])
        for name in self._failing.keys() - failing.keys():
            log.info("usable again", reference=name)
        self._failing = dict(failing)

    def _set(self, text: str, value: Value, moment: Moment) -> None:
        """A status keeps the time of its last change; a model without the data object goes without."""
        reference = Reference.parse(text)
        try:
            old, quality, _ = self._tree.read(reference)
        except NoSuchNode:
            return
        if old != value or quality != GOOD:
            self._tree.update(reference, value, GOOD, moment.timestamp)
