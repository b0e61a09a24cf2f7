"""Why a request is let through or not: the judge's own decision, asked of each grant by itself too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hub.judge import judge
from hub.roster import Grant
from iec61850_model.mms.pdu import Pdu

NO_GRANT = "no grant in force: for this provider there is no such heat pump"


@dataclass(frozen=True, slots=True)
class Part:
    """One grant: whether it would do alone if it were in force, and what it lacks."""

    key: int
    live: bool
    allows: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The decision, the keys of grants that suffice (``by``), or for want of what (``reason``)."""

    allowed: bool
    service: str
    references: tuple[str, ...]
    by: tuple[int, ...]
    reason: str
    parts: tuple[Part, ...]


def explain(
    pdu: Pdu | None, grants: Sequence[Grant], revoked: frozenset[int], slots: Mapping[int, int], now: float
) -> Explanation:
    """Judge a request by all grants a provider ever had on a heat pump; ``revoked`` are those of them taken
    back. Without a request: whether he sees the heat pump at all.
    """
    live = [one for one in grants if one.key not in revoked and one.live(now)]
    if pdu is None:
        by = tuple(one.key for one in live)
        parts = tuple(Part(one.key, one in live, True, "") for one in grants)
        return Explanation(bool(by), "", (), by, "" if by else NO_GRANT, parts)
    judged = judge(pdu, live, now, slots)
    parts = tuple(_part(pdu, one, one in live, slots, now) for one in grants)
    by = _by(pdu, live, slots, now) if judged.allowed and live else ()
    allowed = bool(live) and judged.allowed
    reason = "" if allowed else judged.reason if live else NO_GRANT
    return Explanation(allowed, judged.service, judged.references, by, reason, parts)


def _part(pdu: Pdu, grant: Grant, live: bool, slots: Mapping[int, int], now: float) -> Part:
    if not live:
        grant = replace(grant, valid_from=0.0, until=None)
    alone = judge(pdu, (grant,), now, slots)
    return Part(grant.key, live, alone.allowed, alone.reason)


def _by(pdu: Pdu, live: Sequence[Grant], slots: Mapping[int, int], now: float) -> tuple[int, ...]:
    """Each that suffices alone; if none does, some that do so together, none of them to spare."""
    alone = tuple(one.key for one in live if judge(pdu, (one,), now, slots).allowed)
    if alone:
        return alone
    needed = list(live)
    for one in live:
        fewer = [other for other in needed if other is not one]
        if judge(pdu, fewer, now, slots).allowed:
            needed = fewer
    return tuple(one.key for one in needed)
