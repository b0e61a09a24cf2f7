"""Times as people have them: local, with days of 23 and 25 hours; on the wire all time is UTC.

``zone`` None is the zone of this machine.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from iec61850_model.client import UnusableValue


def to_utc(local: datetime, zone: tzinfo | None, *, fold: int = 0) -> datetime:
    """The moment of a local time; one with a zone of its own keeps it.

    ``fold`` 1: of a time that comes twice, when summer time ends, the second. Raises UnusableValue for a time
    that does not exist, in the hour that the beginning of summer time leaves out.
    """
    if local.tzinfo is not None:
        return local.astimezone(UTC)
    placed = local.replace(fold=fold)
    placed = placed.astimezone() if zone is None else placed.replace(tzinfo=zone)
    moment = placed.astimezone(UTC)
    if to_local(moment, zone).replace(tzinfo=None) != local.replace(fold=0):
        raise UnusableValue(f"{local:%Y-%m-%d %H:%M} does not exist: summer time begins then")
    return moment


def to_local(moment: datetime, zone: tzinfo | None) -> datetime:
    """A moment as the clock on the wall shows it."""
    return moment.astimezone(zone)


def midnight(day: date, zone: tzinfo | None) -> datetime:
    """The moment a local day begins."""
    first = datetime.combine(day, time())
    for minutes in range(0, 180, 15):
        try:
            return to_utc(first + timedelta(minutes=minutes), zone)
        except UnusableValue:
            continue  # summer time begins at midnight there
    return first.replace(tzinfo=UTC)


def time_of(text: str, zone: tzinfo | None) -> datetime:
    """ISO 8601, local if it names no zone, in the zone that counts; raises UnusableValue."""
    try:
        given = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UnusableValue(
            f"{text[:40]!r} is not a time: write 2026-12-01T17:00 (local) or 2026-12-01T17:00+01:00"
        ) from None
    return given if given.tzinfo is not None else to_local(to_utc(given, zone), zone)
