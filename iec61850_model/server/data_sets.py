"""Data sets: the members under each name (7-2 clause 13; 8-2 clause 14)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from iec61850_model.blocks import DataSetConfig
from iec61850_model.reference import Reference
from iec61850_model.tree import Tree


class DataSets:
    """All data sets of a server. Those configured or created in a logical device live as long as the server.

    ``in_use``: who else uses data sets (reports, logs) adds a question here, answered for (ld, item).
    """

    def __init__(self, tree: Tree, configs: Sequence[DataSetConfig]) -> None:
        self._tree = tree
        self._of_domain = {(one.ld, one.item): one.members for one in configs}
        self.in_use: list[Callable[[str, str], bool]] = []

    def members(self, ld: str, item: str) -> tuple[Reference, ...] | None:
        """The members of ``ld``/``LN$Name`` in order, None if there is no such data set."""
        return self._of_domain.get((ld, item))
