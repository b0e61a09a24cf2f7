"""Reference patterns that narrow a grant, as an operator writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hub.registry.errors import InvalidInput

MAX_PATTERNS = 64
"""Patterns of one grant: each is tried for each reference of each request."""
MAX_PATTERN_LENGTH = 129
"""Characters of one pattern: no reference is longer (7-2, ObjectReference)."""

EVERYTHING = "*"

_NAME = r"[A-Za-z][A-Za-z0-9_]*"
_PATTERN = re.compile(rf"{_NAME}/(?:\*|{_NAME}\.(?:\*|{_NAME}(?:\.\*)?))", re.ASCII)


def checked_scope(patterns: Iterable[str]) -> tuple[str, ...]:
    """The patterns, sorted and each once; empty, which means everything, if one of them is ``*``.

    Raises InvalidInput for anything but ``LD/*``, ``LD/LN.*``, ``LD/LN.DO``, ``LD/LN.DO.*`` and ``*``.
    """
    distinct = sorted(set(patterns))
    for pattern in distinct:
        if pattern != EVERYTHING and (len(pattern) > MAX_PATTERN_LENGTH or not _PATTERN.fullmatch(pattern)):
            raise InvalidInput(
                f"{pattern[:80]!r} is not a scope: write LD/*, LD/LN.*, LD/LN.DO, LD/LN.DO.* or *,"
                " e.g. MET/* or HP/RlyGGIO1.SPCSO1"
            )
    if len(distinct) > MAX_PATTERNS:
        raise InvalidInput(f"{len(distinct)} scope patterns: at most {MAX_PATTERNS} in one grant")
    return () if EVERYTHING in distinct else tuple(distinct)


def within(pattern: str, other: str) -> bool:
    """All that ``pattern`` covers, ``other`` covers too; both as ``checked_scope`` gives them."""
    outer = _parts(other)
    return _parts(pattern)[: len(outer)] == outer


def _parts(pattern: str) -> list[str]:
    return pattern.removesuffix("*").rstrip("./").replace("/", ".", 1).split(".")
