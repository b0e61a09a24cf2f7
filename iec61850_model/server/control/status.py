"""What a data object shows of its commands: the value, who commanded, and that it is selected (7-3)."""

from __future__ import annotations

from iec61850_model.reference import Reference
from iec61850_model.server.control.command import Command
from iec61850_model.server.effects import Moment
from iec61850_model.tree import NoSuchNode, Tree
from iec61850_model.types import Value
from iec61850_model.values import Quality

_DOUBLE_POINT = {False: "01", True: "10"}
"""stVal of a DPC, whose ctlVal is a boolean: off, on (7-3, Dbpos)."""


class Status:
    """Writes the status of controls into the tree."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def show(self, command: Command, quality: Quality, moment: Moment) -> None:
        """The process has taken the value; the value of a transient object goes back at once (7-4)."""
        reference, value = command.reference, command.value
        mirrored: dict[tuple[str, ...], Value] = {
            ("origin", "orCat"): int(command.or_cat),
            ("origin", "orIdent"): command.or_ident,
            ("ctlNum",): command.number,
        }
        if self._tree.cdc(reference) == "DPC" and isinstance(value, bool):
            value = _DOUBLE_POINT[value]
        try:
            self._tree.update(reference, value, quality, moment.timestamp, mirrored=mirrored)
            if value is True and self._tree.is_transient(reference):
                self._tree.update(reference, False, quality, moment.timestamp)
        except NoSuchNode:
            # A transient SPC may have no status at all (7-3): then only who asked can be told.
            self._tree.set_beside(reference, mirrored)

    def selected(self, reference: Reference, selected: bool) -> None:
        """stSeld, where the object has it."""
        self._tree.set_beside(reference, {("stSeld",): selected})
