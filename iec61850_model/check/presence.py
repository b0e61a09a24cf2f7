"""Presence conditions (IEC 61850-7-7) over what is there."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from iec61850_model.check.tables import Presence


class Need(enum.Enum):
    """What a condition comes to."""

    MUST = enum.auto()
    MAY = enum.auto()
    MUST_NOT = enum.auto()


class Named(Protocol):
    """A fact with a name and a presence condition."""

    @property
    def name(self) -> str: ...
    @property
    def presence(self) -> Presence: ...


@dataclass(frozen=True, slots=True)
class Violation:
    """A condition that does not hold: what is ``missing`` and is to be added, or ``surplus`` and to go."""

    problem: str
    missing: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()


_PLAIN = {
    "M": Need.MUST,
    "Mmulti": Need.MUST,
    "O": Need.MAY,
    "Omulti": Need.MAY,
    "F": Need.MUST_NOT,
}
_BY_SIBLING = {
    # with the sibling, without it
    "MF": (Need.MUST, Need.MUST_NOT),
    "MmultiF": (Need.MUST, Need.MUST_NOT),
    "OF": (Need.MAY, Need.MUST_NOT),
    "MO": (Need.MUST, Need.MAY),
}
_TOGETHER = {"AllOrNonePerGroup", "MAllOrNonePerGroup", "MFsubst"}


def violations(
    facts: Iterable[Named], present: Collection[str], words: Mapping[str, Need] | None = None
) -> Iterator[Violation]:
    """Which conditions do not hold for the names that are ``present``.

    ``words`` decides conditions on the surroundings (``MOrootLD``, ``MFln0``); one that is neither known nor
    decided, because the file does not say whether it applies, lets its element be there or not.
    """
    decided = words or {}
    groups: dict[str, dict[str, list[str]]] = {}
    for fact in facts:
        word, argument = fact.presence.word, fact.presence.argument
        if word in _BY_SIBLING:
            with_sibling, without = _BY_SIBLING[word]
            sibling = argument in present
            reason = f"{argument} is {'there' if sibling else 'not'}"
            yield from _needed(fact.name, with_sibling if sibling else without, present, reason)
        elif word in _PLAIN or word in decided:
            yield from _needed(fact.name, decided.get(word) or _PLAIN[word], present, "")
        else:
            # without a number each element is a group of its own, save where the word is about one group
            key = argument or (fact.name if word == "AllOnlyOneGroup" else "")
            groups.setdefault(word, {}).setdefault(key, []).append(fact.name)
    for word, members in groups.items():
        yield from _grouped(word, members, present)


def _needed(name: str, need: Need, present: Collection[str], reason: str) -> Iterator[Violation]:
    because = f", as {reason}" if reason else ""
    if need is Need.MUST and name not in present:
        yield Violation(f"{name} is missing: it is mandatory{because}", missing=(name,))
    elif need is Need.MUST_NOT and name in present:
        yield Violation(f"{name} is there: it is forbidden{because or ' here'}", surplus=(name,))


def _grouped(word: str, groups: Mapping[str, list[str]], present: Collection[str]) -> Iterator[Violation]:
    if word in _TOGETHER:
        for names in groups.values():
            yield from _together(names, present)
    elif word == "AtLeastOne":
        for names in groups.values():
            if not any(name in present for name in names):
                yield Violation(f"none of {_list(names)} is there: one is needed", missing=tuple(names))
    elif word == "AtMostOne":
        for names in groups.values():
            there = [name for name in names if name in present]
            if len(there) > 1:
                yield Violation(f"{_list(there)} are there: one at most may be", surplus=tuple(there))
    elif word == "AllOnlyOneGroup":
        yield from _only_one_group(list(groups.values()), present)
    elif word == "AllAtLeastOneGroup" and not any(
        all(name in present for name in names) for names in groups.values()
    ):
        wanted = " or ".join(_list(names) for names in groups.values())
        yield Violation(
            f"no complete group is there: {wanted} is needed", missing=tuple(_nearest(groups, present))
        )


def _together(names: list[str], present: Collection[str]) -> Iterator[Violation]:
    there = [name for name in names if name in present]
    if there:
        for name in names:
            if name not in present:
                yield Violation(f"{name} is missing: it goes with {_list(there)}", missing=(name,))


def _only_one_group(groups: list[list[str]], present: Collection[str]) -> Iterator[Violation]:
    begun = [names for names in groups if any(name in present for name in names)]
    if len(begun) > 1:
        there = tuple(name for names in begun for name in names if name in present)
        yield Violation(f"{_list(there)} exclude each other", surplus=there)
    elif begun:
        yield from _together(begun[0], present)
    else:
        wanted = " or ".join(_list(names) for names in groups)
        yield Violation(f"{wanted} is missing: one of them is needed", missing=tuple(groups[0]))


def _nearest(groups: Mapping[str, list[str]], present: Collection[str]) -> list[str]:
    """What the group lacks that lacks least."""
    lacking = [[name for name in names if name not in present] for names in groups.values()]
    return min(lacking, key=len)


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
