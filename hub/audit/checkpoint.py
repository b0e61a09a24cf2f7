"""Where a chain begins after its oldest rows were removed: kept as an entry of the operator's chain, so it
is hashed and chained like everything else.
"""

from __future__ import annotations

import re
from typing import NamedTuple

PRUNE = "audit prune"
"""The service of such an entry; its one reference is the chain."""
_DETAIL = re.compile(r"removed up to entry (\d{1,15}), whose hash was ([0-9a-f]{64})", re.ASCII)


class Checkpoint(NamedTuple):
    """All rows of ``chain`` up to ``seq`` were removed; ``hash`` was that of the last one."""

    chain: str
    seq: int
    hash: str

    @property
    def detail(self) -> str:
        """As the entry has it."""
        return f"removed up to entry {self.seq}, whose hash was {self.hash}"

    @classmethod
    def read(cls, chain: str, detail: str) -> Checkpoint | None:
        """From an entry's references and detail; None if it is none."""
        found = _DETAIL.fullmatch(detail)
        return cls(chain, int(found[1]), found[2]) if found else None
