"""The local switch: a key or contact by which the house takes the heat pump into its own hands (Loc)."""

from __future__ import annotations

from iec61850_model.reference import Reference
from iec61850_model.server import Moment
from iec61850_model.tree import NoSuchNode, Tree
from iec61850_model.values import GOOD, Validity

KEY, LOCAL = Reference.parse("HP/LLN0.LocKey"), Reference.parse("HP/LLN0.Loc")


class LocalSwitch:
    """Keeps HP/LLN0.Loc at what the switch (LocKey) says. ``wired``: there is one.

    Its last word holds while it cannot be read, and until its first word it counts as turned to local: who
    put a switch there wants it obeyed.
    """

    def __init__(self, tree: Tree, wired: bool) -> None:
        self._tree = tree
        self.on = wired
        self.known = not wired
        """It was read once, or there is none."""

    def refresh(self, moment: Moment) -> bool:
        """Look at the switch, show Loc; returns whether it is on."""
        try:
            key, quality, _ = self._tree.read(KEY)
        except NoSuchNode:
            return self.on
        if quality.validity is Validity.GOOD:
            self.on, self.known = bool(key), True
        try:
            shown, known, _ = self._tree.read(LOCAL)
        except NoSuchNode:
            return self.on
        if (shown, known) != (self.on, GOOD):
            self._tree.update(LOCAL, self.on, GOOD, moment.timestamp)
        return self.on
