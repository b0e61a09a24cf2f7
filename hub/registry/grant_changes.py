"""Grants narrowed and extended.

Another end is written into the grant. Other rights or another scope make another grant: the old one ends and
its successor takes its place in the same revision, under a key of its own, so it stays known for ever what
was allowed, and consented to, when.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy.orm import Session

from hub.registry.ask_models import answer_ask
from hub.registry.errors import Conflict, InvalidInput, NotFound
from hub.registry.grants import GrantRecord, end_grants, get_grant, heat_pumps_of
from hub.registry.models import GrantRow
from hub.registry.naming import checked_text
from hub.registry.purposes import OWNER, on_consent
from hub.registry.rights import rights_of, scope_of, stored_rights, stored_scope
from hub.registry.routers import next_revision
from hub.registry.scope import checked_scope, within
from hub.registry.steering_change import move_end, pass_on_steering
from hub.roster import Right


class Direction(enum.StrEnum):
    """What a change may do."""

    NARROW = "narrow"
    EXTEND = "extend"
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class GrantChange:
    """What a grant is to be afterwards; None: as it was.

    ``until`` is in seconds since 1970 UTC, ``endless`` takes the end away. ``ground`` is that of the change.
    """

    giver: str
    rights: Collection[Right] | None = None
    scope: Collection[str] | None = None
    until: float | None = None
    endless: bool = False
    ground: str = ""


def change_grant(
    session: Session, key: int, change: GrantChange, direction: Direction, *, now: float
) -> tuple[GrantRecord, GrantRecord]:
    """Change a grant that is in force or will be; returns it as it was, and what is in force instead.

    Raises NotFound for no such grant or one that has ended; InvalidInput for no rights, a wrong scope or end,
    for what goes the other way than ``direction``, and for more than was consented to; Conflict if nothing
    changes, or if no schedule of the box is free for a grant that may schedule only now.
    """
    before = get_grant(session, key)
    if before.state(now) in ("revoked", "expired"):
        raise NotFound(f"grant {key} has ended: give a new one with `hphub grant add`")
    rights = before.rights if change.rights is None else frozenset(change.rights)
    scope = before.scope if change.scope is None else checked_scope(change.scope)
    until = None if change.endless else before.until if change.until is None else change.until
    if not rights:
        raise InvalidInput("a grant needs a right: to take all of them, `hphub grant revoke`")
    if until is not None and until <= max(now, before.valid_from or now):
        raise InvalidInput("the grant would end before it begins, or has ended already: choose a later end")
    if (rights, scope, until) == (before.rights, before.scope, before.until):
        raise Conflict(f"grant {key} is so already: nothing was changed")
    extents = (before.rights, before.scope, before.until), (rights, scope, until)
    _require(direction, *extents)
    if _widens(*extents):
        _require_new_consent(before, change.ground)
    row = session.get_one(GrantRow, key)
    revision = next_revision(session)
    if (rights, scope) == (before.rights, before.scope):
        row.until, row.revision = until, revision
        if change.ground:
            row.ground = checked_text(change.ground, "ground")
        move_end(session, key, until)
        session.flush()
        return before, get_grant(session, key)
    successor = GrantRow(
        **_as_it_was(row)
        | {
            "rights": stored_rights(rights),
            "scope": stored_scope(scope),
            "until": until,
            "valid_from": before.valid_from if before.state(now) == "not yet" else None,
            "ground": checked_text(change.ground, "ground") or row.ground,
            "giver": before.giver if before.giver.startswith(OWNER) else change.giver,
            "created": now,
            "revision": revision,
        }
    )
    session.add(successor)
    session.flush()
    keeps = _steers_as_before(row, successor)
    pass_on_steering(session, row, successor, heat_pumps_of(session, row), keeps=keeps)
    end_grants(session, GrantRow.pk == key, revision=revision, now=now)
    answer_ask(session, successor, now=now)
    return before, get_grant(session, successor.pk)


def wider(scope: tuple[str, ...], than: tuple[str, ...]) -> bool:
    """All that the scope ``than`` allows, ``scope`` allows too; an empty one is everything."""
    return not scope or (bool(than) and all(any(within(one, other) for other in scope) for one in than))


def _as_it_was(row: GrantRow) -> dict[str, object]:
    return {one.key: getattr(row, one.key) for one in GrantRow.__mapper__.column_attrs if one.key != "pk"}


def _steers_as_before(old: GrantRow, new: GrantRow) -> bool:
    """Nothing that it may have left in a box is forbidden now."""
    steering = rights_of(old.rights) & {Right.CONTROL, Right.SCHEDULE}
    return steering <= rights_of(new.rights) and wider(scope_of(new.scope), scope_of(old.scope))


_Extent = tuple[frozenset[Right], tuple[str, ...], float | None]


def _require(direction: Direction, before: _Extent, after: _Extent) -> None:
    small, large = (after, before) if direction is Direction.NARROW else (before, after)
    if direction is Direction.CHANGE:
        return
    wrong = "would allow more" if direction is Direction.NARROW else "would allow less"
    rights = small[0] - large[0]
    if rights:
        what = f"the right {', '.join(sorted(rights))}"
    elif not wider(large[1], small[1]):
        what = "the scope"
    elif large[2] is not None and (small[2] is None or small[2] > large[2]):
        what = "the end"
    else:
        return
    raise InvalidInput(f"{what} {wrong}: use `hphub grant change` if that is meant")


def _widens(before: _Extent, after: _Extent) -> bool:
    """It allows something that it did not."""
    later = before[2] is not None and (after[2] is None or after[2] > before[2])
    return later or not after[0] <= before[0] or not wider(before[1], after[1])


def _require_new_consent(before: GrantRecord, ground: str) -> None:
    """Raise InvalidInput if more than ``before`` needs a consent that is not there."""
    if before.giver.startswith(OWNER):
        raise InvalidInput(
            f"grant {before.key} was given by its owner, and only he allows more: `hphub owner invite`"
        )
    if on_consent(before.purpose, before.giver) and not ground.strip():
        raise InvalidInput(
            f"grant {before.key} is for {before.purpose!r}, which needs the owner's consent: record the"
            " ground of what it is to allow now, such as --ground 'consent of the owner, 2026-11-02'"
        )
