"""Grants narrowed and extended: what routers, consents and operations learn of it."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session
from test_registry_roster import NOW, give
from test_registry_steering import SCHEDULE, finish, jobs, world

from hub.registry import (
    Conflict,
    GrantRecord,
    InvalidInput,
    NotFound,
    Registry,
    changes_since,
    current_revision,
    expire_steering,
    get_grant,
    revoke_grant,
    steering_ready,
)
from hub.registry.consents import consents_since, in_force_throughout
from hub.registry.grant_changes import Direction, GrantChange, change_grant, wider
from hub.registry.scope import within
from hub.roster import Right, Roster

READ, CONTROL, HISTORY = Right.READ, Right.CONTROL, Right.HISTORY
NARROW, EXTEND, CHANGE = Direction.NARROW, Direction.EXTEND, Direction.CHANGE
DAY = 86_400.0


@pytest.fixture
async def known(registry: Registry) -> Registry:
    await registry.run(world)
    return registry


def change(
    session: Session, key: int, direction: Direction, *, now: float = NOW + 1, **given: object
) -> GrantRecord:
    return change_grant(session, key, GrantChange("op", **given), direction, now=now)[1]  # type: ignore[arg-type]


def all_ready(session: Session) -> None:
    steering_ready(session, [job.key for job in jobs(session)])


def steers(session: Session, key: int) -> list[tuple[int | None, int | None, str]]:
    return [(one.slot, one.priority, one.state.value) for one in get_grant(session, key).steering]


async def test_another_end_stays_the_same_grant(known: Registry) -> None:
    key = await known.run(give, rights=[SCHEDULE], until=NOW + DAY)
    after = await known.run(change, key, EXTEND, until=NOW + 2 * DAY, ground="letter")
    assert (after.key, after.until, after.ground) == (key, NOW + 2 * DAY, "letter")
    assert await known.run(expire_steering, NOW + DAY) == []
    assert [one.grant for one in await known.run(expire_steering, NOW + 2 * DAY)] == [key]


async def test_an_earlier_end_ends_what_it_steers_then(known: Registry) -> None:
    key = await known.run(give, rights=[CONTROL])
    assert (await known.run(change, key, NARROW, until=NOW + 5)).key == key
    assert [one.grant for one in await known.run(expire_steering, NOW + 5)] == [key]


async def test_other_rights_are_another_grant_in_the_same_revision(known: Registry) -> None:
    key = await known.run(give, rights=[READ, CONTROL], purpose="trial", ground="letter", until=NOW + DAY)
    roster = Roster()
    roster.apply(await known.read(changes_since, 0))
    after = await known.run(change, key, NARROW, rights=[READ])
    changes = await known.read(changes_since, roster.revision)
    assert (changes.removed_grants, [one.key for one in changes.grants]) == ((key,), [after.key])
    roster.apply(changes)
    (granted,) = roster.grants("agg", "hp0001", NOW + 2)
    assert (granted.key, granted.rights, granted.until) == (after.key, {READ}, NOW + DAY)
    before = await known.read(get_grant, key)
    assert (before.revoked_at, before.rights) == (NOW + 1, {READ, CONTROL})
    assert (after.purpose, after.giver, after.created) == ("trial", "op", NOW + 1)


async def test_a_control_that_is_taken_away_is_ended_with_the_rights_it_had(known: Registry) -> None:
    key = await known.run(give, rights=[READ, CONTROL])
    after = await known.run(change, key, NARROW, rights=[READ])
    (job,) = await known.read(jobs)
    assert (job.grant, job.state.value, CONTROL in job.rights) == (key, "ending", True)
    assert after.steering == ()


async def test_a_slot_goes_on_with_a_grant_that_is_extended(known: Registry) -> None:
    key = await known.run(give, rights=[SCHEDULE], priority=60)
    await known.run(all_ready)
    roster = Roster()
    roster.apply(await known.read(changes_since, 0))
    assert roster.slots("hp0001") == {key: 1}
    after = await known.run(change, key, EXTEND, rights=[SCHEDULE, READ, CONTROL])
    assert await known.read(steers, after.key) == [(1, 60, "ready")]
    assert await known.read(jobs) == []
    roster.apply(await known.read(changes_since, roster.revision))
    assert roster.slots("hp0001") == {after.key: 1}


async def test_a_slot_goes_on_when_only_what_does_not_steer_is_taken_away(known: Registry) -> None:
    key = await known.run(give, rights=[SCHEDULE, READ, Right.SETTINGS])
    await known.run(all_ready)
    after = await known.run(change, key, NARROW, rights=[SCHEDULE])
    assert await known.read(steers, after.key) == [(1, 50, "ready")]
    assert await known.read(steers, key) == []


async def test_a_slot_whose_scope_is_narrowed_is_ended_and_another_one_begins(known: Registry) -> None:
    key = await known.run(give, rights=[SCHEDULE], priority=60)
    await known.run(all_ready)
    after = await known.run(change, key, NARROW, scope=["SCH/EvuFSCH2.*"])
    assert await known.read(steers, key) == [(1, 60, "ending")]
    assert await known.read(steers, after.key) == [(2, 60, "pending")]
    await known.run(finish)
    assert await known.read(steers, key) == []


async def test_who_may_schedule_only_now_gets_a_slot(known: Registry) -> None:
    key = await known.run(give, rights=[CONTROL])
    after = await known.run(change, key, EXTEND, rights=[CONTROL, SCHEDULE])
    assert sorted(await known.read(steers, after.key), key=str) == [(1, 50, "pending"), (None, None, "ready")]
    reader = await known.run(give, rights=[READ])
    steering = await known.run(change, reader, EXTEND, rights=[READ, SCHEDULE])
    assert await known.read(steers, steering.key) == [(2, 40, "pending")]


async def test_where_no_slot_is_free_nothing_is_changed(known: Registry) -> None:
    for _ in range(4):
        await known.run(give, rights=[SCHEDULE])
    key = await known.run(give, rights=[READ])
    revision = await known.read(current_revision)
    with pytest.raises(Conflict, match="all 4 schedules"):
        await known.run(change, key, EXTEND, rights=[READ, SCHEDULE])
    assert await known.read(current_revision) == revision
    assert (await known.read(get_grant, key)).revoked_at is None


async def test_a_consent_goes_on_and_covers_no_time_before_it_was_given(known: Registry) -> None:
    key = await known.run(give, rights=[HISTORY], purpose="report", ground="letter")
    after = await known.run(change, key, EXTEND, rights=[HISTORY, READ], ground="letter 2", now=NOW + 100)
    (one,) = await known.read(consents_since, 0)
    assert in_force_throughout(one.consents, NOW, NOW + 1_000)
    await known.run(change, after.key, NARROW, rights=[READ], now=NOW + 200)
    (one,) = await known.read(consents_since, 0)
    assert in_force_throughout(one.consents, NOW, NOW + 200)
    assert not any(consent.covers(NOW + 200) for consent in one.consents)


async def test_a_history_that_is_added_later_was_not_consented_to_before(known: Registry) -> None:
    key = await known.run(give, rights=[READ], purpose="report", ground="letter")
    await known.run(change, key, EXTEND, rights=[HISTORY, READ], ground="letter 2", now=NOW + 100)
    (one,) = await known.read(consents_since, 0)
    assert [consent.begins for consent in one.consents] == [NOW + 100]


async def test_a_grant_to_come_still_begins_then(known: Registry) -> None:
    key = await known.run(give, valid_from=NOW + DAY)
    after = await known.run(change, key, EXTEND, rights=[READ, CONTROL])
    assert (after.begins, after.state(NOW + 2)) == (NOW + DAY, "not yet")


BEFORE = {"rights": [READ, CONTROL], "scope": ["HP/*", "MET/MMXU1.*"], "until": NOW + DAY}
LESS = [
    {"rights": [READ]}, {"scope": ["HP/*"]}, {"scope": ["HP/EvuGGIO1.SPCSO1"]},
    {"scope": ["MET/MMXU1.TotW", "HP/*"]}, {"until": NOW + 5}, {"rights": [READ], "until": NOW + 5},
]  # fmt: skip
MORE = [
    {"rights": [READ, CONTROL, SCHEDULE]}, {"scope": ["*"]}, {"scope": ["HP/*", "MET/*"]},
    {"scope": ["HP/*", "MET/MMXU1.*", "TES/*"]}, {"until": NOW + 2 * DAY}, {"endless": True},
]  # fmt: skip
BOTH = [
    {"rights": [READ, SCHEDULE]}, {"scope": ["MET/*"]}, {"rights": [READ], "until": NOW + 2 * DAY},
    {"scope": ["HP/*"], "endless": True},
]  # fmt: skip


@pytest.mark.parametrize(
    ("change_to", "directions"),
    [*((one, {NARROW, CHANGE}) for one in LESS), *((one, {EXTEND, CHANGE}) for one in MORE),
     *((one, {CHANGE}) for one in BOTH)],
)  # fmt: skip
async def test_narrowing_never_gives_and_extending_never_takes(
    known: Registry, change_to: dict[str, object], directions: set[Direction]
) -> None:
    for direction in Direction:
        key = await known.run(give, **BEFORE)
        if direction in directions:
            await known.run(change, key, direction, **change_to)
        else:
            with pytest.raises(InvalidInput, match="hphub grant change"):
                await known.run(change, key, direction, **change_to)
            assert (await known.read(get_grant, key)).until == NOW + DAY


@pytest.mark.parametrize(
    ("given", "error"),
    [({"rights": []}, InvalidInput), ({"until": NOW}, InvalidInput), ({"scope": ["MET"]}, InvalidInput),
     ({"rights": [READ]}, Conflict), ({}, Conflict), ({"ground": "none"}, Conflict)],
)  # fmt: skip
async def test_what_cannot_be_is_refused(
    known: Registry, given: dict[str, object], error: type[Exception]
) -> None:
    key = await known.run(give)
    with pytest.raises(error):
        await known.run(change, key, CHANGE, **given)


async def test_what_has_ended_stays_ended(known: Registry) -> None:
    over, gone = await known.run(give, until=NOW + 1), await known.run(give)
    await known.run(revoke_grant, gone, now=NOW)
    for key in (over, gone, 99):
        with pytest.raises(NotFound):
            await known.run(change, key, EXTEND, until=NOW + DAY, now=NOW + 2)


@pytest.mark.parametrize(
    ("pattern", "other", "inside"),
    [("MET/*", "MET/*", True), ("MET/MMXU1.*", "MET/*", True), ("MET/*", "MET/MMXU1.*", False),
     ("MET/MMXU1.TotW", "MET/MMXU1.*", True), ("MET/MMXU1.TotW.*", "MET/MMXU1.TotW", True),
     ("MET/MMXU1.TotW", "MET/MMXU1.TotW.*", True), ("MET2/*", "MET/*", False),
     ("MET/MMXU11.*", "MET/MMXU1.*", False)],
)  # fmt: skip
def test_a_pattern_lies_within_another(pattern: str, other: str, inside: bool) -> None:
    assert within(pattern, other) is inside
    assert wider((other,), (pattern,)) is inside
    assert wider((), (pattern,))
    assert not wider((other,), ())
