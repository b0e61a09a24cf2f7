"""How rights and scope patterns lie in a column: parted by spaces. Many grants share few combinations."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from hub.roster import Right

DISTINCT = 1024
"""Combinations kept in memory; there are 63 of rights, and sites use few scopes."""


def stored_rights(rights: Iterable[Right]) -> str:
    """Each right once, in a fixed order."""
    return " ".join(sorted(set(rights)))


def stored_scope(patterns: Iterable[str]) -> str:
    """The patterns as checked: none holds a space."""
    return " ".join(patterns)


@lru_cache(maxsize=DISTINCT)
def rights_of(stored: str) -> frozenset[Right]:
    """The rights of a row."""
    return frozenset(Right(one) for one in stored.split())


@lru_cache(maxsize=DISTINCT)
def scope_of(stored: str) -> tuple[str, ...]:
    """The scope patterns of a row."""
    return tuple(stored.split())
