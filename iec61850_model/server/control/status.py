"""What a data object shows of its commands: the value, who commanded, and that it is selected (7-3)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from iec61850_model.reference import Reference
from iec61850_model.server.control.command import Command
from iec61850_model.server.effects import Moment
from iec61850_model.tree import VALUE_FCS, Branch, Leaf, NoSuchNode, Tree
from iec61850_model.types import Value
from iec61850_model.values import Quality

_DOUBLE_POINT = {False: "01", True: "10"}
"""stVal of a DPC, whose ctlVal is a boolean: off, on (7-3, Dbpos)."""


class Status:
    """Writes the status of controls into the tree."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._commanded: dict[Reference, tuple[str, Command]] = {}

    def show(self, command: Command, commander: str, quality: Quality, moment: Moment) -> None:
        """The process has taken the value; the value of a transient object goes back at once (7-4).

        The orIdent of the ``commander`` (a bare JID) is his alone: see ``shown_to``.
        """
        reference, value = command.reference, command.value
        self._commanded[reference] = (commander, command)
        mirrored: dict[tuple[str, ...], Value] = {
            ("origin", "orCat"): int(command.or_cat),
            ("origin", "orIdent"): b"",
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

    @contextmanager
    def shown_to(self, commander: str) -> Iterator[None]:
        """Within this the tree shows him the orIdent of the commands that he gave last; reports and all
        others read it empty (DESIGN section 4)."""
        shown = list(self._identities(commander))
        for identity, command in shown:
            identity.value = command.or_ident
        try:
            yield
        finally:
            for identity, _ in shown:
                identity.value = b""

    def _identities(self, commander: str) -> Iterator[tuple[Leaf, Command]]:
        """Where orIdent of his commands stands; not where somebody else, or the process, came after him."""
        for reference, (whose, command) in self._commanded.items():
            for fc in VALUE_FCS if whose == commander else ():
                origin = self._tree.find(reference.with_fc(fc).child("origin"))
                if not isinstance(origin, Branch):
                    continue
                category, identity = origin.leaf("orCat"), origin.leaf("orIdent")
                if category and identity and (category.value, identity.value) == (command.or_cat, b""):
                    yield identity, command
