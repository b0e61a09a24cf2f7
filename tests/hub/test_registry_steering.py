"""Slots: who holds which, since when, until when, and what routers and operations are told of it."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session
from test_registry_roster import NOW, give, hp, sp

from hub.registry import (
    Conflict,
    ExpiredGrant,
    InvalidInput,
    OpenSteering,
    Registry,
    SteeringState,
    add_group,
    add_members,
    changes_since,
    current_revision,
    expire_steering,
    get_grant,
    note_trouble,
    open_steering,
    remove_group,
    remove_heat_pump,
    remove_members,
    remove_provider,
    revoke_grant,
    steering_ended,
    steering_ready,
)
from hub.roster import HeatPump, Right, SlotChange

SCHEDULE, CONTROL, READ = Right.SCHEDULE, Right.CONTROL, Right.READ


def world(session: Session) -> None:
    hp(session)
    sp(session)


def schedule(session: Session, **given: object) -> int:
    return give(session, rights=[SCHEDULE], **given)


def held(session: Session, grant: int) -> tuple[int | None, int | None, str]:
    (one,) = get_grant(session, grant).steering
    return one.slot, one.priority, one.state.value


def jobs(session: Session) -> list[OpenSteering]:
    return open_steering(session, 0)


def finish(session: Session) -> None:
    steering_ended(session, [job.key for job in jobs(session) if job.state is not SteeringState.PENDING])


@pytest.fixture
async def known(registry: Registry) -> Registry:
    await registry.run(world)
    return registry


async def test_the_lowest_free_slot_is_taken_and_who_was_first_goes_first(known: Registry) -> None:
    for slot, priority in ((1, 50), (2, 40), (3, 30), (4, 20)):
        assert await known.read(held, await known.run(schedule)) == (slot, priority, "pending")


@pytest.mark.parametrize(("given", "next_"), [(99, 89), (1, 1), (11, 1), (5, 1)])
async def test_an_operators_priority_counts_and_the_default_stays_below(
    known: Registry, given: int, next_: int
) -> None:
    assert (await known.read(held, await known.run(schedule, priority=given)))[1] == given
    assert (await known.read(held, await known.run(schedule)))[1] == next_


@pytest.mark.parametrize("priority", [0, -1, 100, 1 << 31])
async def test_a_priority_is_in_its_range(known: Registry, priority: int) -> None:
    with pytest.raises(InvalidInput, match="1 to 99"):
        await known.run(schedule, priority=priority)


async def test_a_priority_is_for_schedules_only(known: Registry) -> None:
    with pytest.raises(InvalidInput, match="give the right schedule too"):
        await known.run(give, rights=[CONTROL], priority=5)


async def test_a_fifth_is_refused_with_the_names_of_the_holders(known: Registry) -> None:
    grants = [await known.run(schedule) for _ in range(4)]
    await known.run(revoke_grant, grants[2], now=NOW)
    before = await known.read(current_revision)
    with pytest.raises(Conflict, match=r"1: agg \(grant 1, pending\).*3: agg \(grant 3, ending\)"):
        await known.run(schedule)
    assert await known.read(current_revision) == before
    await known.run(finish)
    assert await known.read(held, await known.run(schedule)) == (3, 10, "pending")


async def test_grants_that_steer_nothing_leave_nothing_to_end(known: Registry) -> None:
    grant = await known.run(give, rights=[READ, Right.SETTINGS, Right.HISTORY])
    await known.run(revoke_grant, grant, now=NOW)
    assert await known.read(jobs) == []


async def test_a_grant_to_control_is_ready_at_once_and_has_a_withdrawal(known: Registry) -> None:
    grant = await known.run(give, rights=[CONTROL])
    assert await known.read(held, grant) == (None, None, "ready")
    assert await known.read(jobs) == []
    await known.run(revoke_grant, grant, now=NOW)
    (job,) = await known.read(jobs)
    assert (job.provider, job.heat_pump, job.box) == ("agg", "hp0001", "box0001@boxes.example")
    assert (job.state, job.slot, job.rights) == (SteeringState.ENDING, None, {CONTROL})
    await known.run(finish)
    assert await known.read(jobs) == []
    assert (await known.read(get_grant, grant)).steering == ()


async def test_routers_learn_that_a_slot_is_ready_and_that_it_is_so_no_longer(known: Registry) -> None:
    grant = await known.run(schedule)
    start = await known.read(current_revision)
    assert (await known.read(changes_since, 0)).slots == ()
    (job,) = await known.read(jobs)
    await known.run(steering_ready, [job.key])
    ready = SlotChange(grant, "hp0001", 1)
    assert (await known.read(changes_since, start)).slots == (ready,)
    assert (await known.read(changes_since, 0)).slots == (ready,)
    assert await known.read(jobs) == []
    start = await known.read(current_revision)
    await known.run(revoke_grant, grant, now=NOW)
    assert (await known.read(changes_since, start)).slots == (SlotChange(grant, "hp0001", 0),)
    await known.run(finish)
    assert (await known.read(changes_since, start)).slots == (SlotChange(grant, "hp0001", 0),)
    assert (await known.read(changes_since, 0)).slots == ()


async def test_what_was_revoked_meanwhile_does_not_become_ready(known: Registry) -> None:
    grant = await known.run(schedule)
    (job,) = await known.read(jobs)
    await known.run(revoke_grant, grant, now=NOW)
    await known.run(steering_ready, [job.key])
    assert [one.state for one in await known.read(jobs)] == [SteeringState.ENDING]


async def test_nothing_that_goes_on_is_taken_for_ended(known: Registry) -> None:
    await known.run(schedule)
    (job,) = await known.read(jobs)
    await known.run(steering_ended, [job.key])
    assert await known.read(jobs) == [job]


async def test_a_grant_that_ends_by_itself_is_a_withdrawal_too(known: Registry) -> None:
    short = await known.run(schedule, until=NOW + 10)
    await known.run(schedule, until=NOW + 20)
    assert await known.run(expire_steering, NOW + 9.9) == []
    assert [one.grant for one in await known.run(expire_steering, NOW + 10)] == [short]
    assert await known.run(expire_steering, NOW + 10) == []
    assert await known.read(held, short) == (1, 50, "ending")
    await known.run(finish)
    assert await known.read(held, await known.run(schedule, until=NOW + 99)) == (1, 30, "pending")


async def test_what_ends_at_one_instant_ends_in_parts(
    known: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No transaction is longer than a part needs, however many end; the earliest are first."""
    monkeypatch.setattr("hub.registry.steering_work.IDS_AT_ONCE", 2)
    later = await known.run(give, rights=[CONTROL], until=NOW + 10)
    first = [await known.run(give, rights=[CONTROL], until=NOW + 5) for _ in range(2)]
    parts = [await known.run(expire_steering, NOW + 10) for _ in range(3)]
    assert parts == [
        [ExpiredGrant(key, "agg", "hp0001") for key in first],
        [ExpiredGrant(later, "agg", "hp0001")],
        [],
    ]
    assert {one.state for one in await known.read(jobs)} == {SteeringState.ENDING}


async def test_what_changed_is_told_once(known: Registry) -> None:
    grant = await known.run(schedule)
    seen = await known.read(current_revision)
    assert await known.read(open_steering, seen) == []
    (job,) = await known.read(jobs)
    await known.run(note_trouble, job.key, "the box has no schedules " * 20)
    assert await known.read(open_steering, seen) == []
    assert len((await known.read(get_grant, grant)).steering[0].trouble) == 200
    await known.run(revoke_grant, grant, now=NOW)
    assert [one.state for one in await known.read(open_steering, seen)] == [SteeringState.ENDING]


async def test_a_removed_provider_is_ended_before_another_takes_his_id(known: Registry) -> None:
    await known.run(give, rights=[CONTROL])
    await known.run(remove_provider, "agg", now=NOW)
    assert [job.provider for job in await known.read(jobs)] == ["agg"]
    with pytest.raises(Conflict, match="not yet been ended in hp0001"):
        await known.run(sp, "agg", "other@agg.example")
    await known.run(finish)
    await known.run(sp, "agg", "other@agg.example")


async def test_the_box_of_a_removed_heat_pump_is_told_at_its_old_address(known: Registry) -> None:
    await known.run(schedule)
    await known.run(remove_heat_pump, "hp0001", now=NOW)
    (job,) = await known.read(jobs)
    assert (job.heat_pump, job.leaving, job.state) == ("hp0001", True, SteeringState.ENDING)
    leaving = (HeatPump("hp0001", "box0001@boxes.example"),)
    assert (await known.read(changes_since, 0)).leaving == leaving
    await known.run(finish)
    assert (await known.read(changes_since, 0)).leaving == ()


async def test_or_at_the_new_one_it_has_got_and_its_slots_stay_taken(known: Registry) -> None:
    await known.run(schedule)
    await known.run(remove_heat_pump, "hp0001", now=NOW)
    await known.run(hp, "hp0002")
    (job,) = await known.read(jobs)
    assert (job.heat_pump, job.leaving) == ("hp0002", False)
    assert (await known.read(changes_since, 0)).leaving == ()
    assert (await known.read(held, await known.run(schedule, on="hp0002")))[0] == 2


async def test_a_box_whose_place_another_took_is_given_up(known: Registry) -> None:
    await known.run(schedule)
    await known.run(remove_heat_pump, "hp0001", now=NOW)
    await known.run(hp, "hp0001", "box0002@boxes.example")
    (job,) = await known.read(jobs)
    assert job.state is SteeringState.GIVEN_UP
    assert (await known.read(changes_since, 0)).leaving == ()
    assert (await known.read(held, await known.run(schedule)))[0] == 1
    await known.run(finish)
    assert [one.state for one in await known.read(jobs)] == [SteeringState.PENDING]


# --- groups ----------------------------------------------------------------------------------------


def three(session: Session) -> None:
    """hp0001 and hp0002 are in the group north, hp0003 is not; slot 1 of hp0002 is taken."""
    for number in (2, 3):
        hp(session, f"hp000{number}", f"box000{number}@boxes.example")
    add_group(session, "north", now=NOW)
    add_members(session, "north", ["hp0001", "hp0002"], now=NOW)
    give(session, on="hp0002", rights=[SCHEDULE])


def slots(session: Session, grant: int) -> dict[str, tuple[int | None, int | None, str]]:
    found = get_grant(session, grant).steering
    return {one.heat_pump: (one.slot, one.priority, one.state.value) for one in found}


async def test_a_grant_on_a_group_holds_a_slot_of_each_member_wherever_one_is_free(known: Registry) -> None:
    await known.run(three)
    grant = await known.run(schedule, on="@north", priority=70)
    assert await known.read(slots, grant) == {"hp0001": (1, 70, "pending"), "hp0002": (2, 70, "pending")}
    seen = await known.read(current_revision)
    await known.run(add_members, "north", ["hp0003"], now=NOW)
    assert (await known.read(slots, grant))["hp0003"] == (1, 70, "pending"), "with the priority of the grant"
    assert [job.heat_pump for job in await known.read(open_steering, seen)] == ["hp0003"]


async def test_who_leaves_a_group_is_withdrawn_and_may_come_again(known: Registry) -> None:
    await known.run(three)
    grant = await known.run(schedule, on="@north")
    await known.run(steering_ready, [job.key for job in await known.read(jobs)])
    start = await known.read(current_revision)
    await known.run(remove_members, "north", ["hp0002"], now=NOW)
    assert (await known.read(slots, grant))["hp0002"][2] == "ending"
    assert (await known.read(slots, grant))["hp0001"][2] == "ready"
    assert (await known.read(changes_since, start)).slots == (SlotChange(grant, "hp0002", 0),)
    await known.run(add_members, "north", ["hp0002"], now=NOW)
    await known.run(finish)
    assert (await known.read(slots, grant))["hp0002"][0] == 3, "slot 2 was still ending"


async def test_the_end_of_the_old_slot_of_one_that_came_again_takes_nothing_from_the_new_one(
    known: Registry,
) -> None:
    await known.run(three)
    grant = await known.run(schedule, on="@north")
    await known.run(steering_ready, [job.key for job in await known.read(jobs)])
    await known.run(remove_members, "north", ["hp0002"], now=NOW)
    await known.run(add_members, "north", ["hp0002"], now=NOW)
    before = await known.read(current_revision)
    await known.run(steering_ready, [job.key for job in await known.read(jobs)])
    ready = await known.read(current_revision)
    assert (await known.read(changes_since, before)).slots == (SlotChange(grant, "hp0002", 3),)
    await known.run(finish)
    assert (await known.read(changes_since, ready)).slots == (), "the router keeps what it was told"


async def test_the_end_of_a_group_and_of_a_member_withdraws_all_it_steered(known: Registry) -> None:
    await known.run(three)
    grant = await known.run(give, on="@north", rights=[CONTROL])
    await known.run(remove_heat_pump, "hp0001", now=NOW)
    ending = [(job.heat_pump, job.grant) for job in await known.read(jobs) if job.state.value == "ending"]
    assert ending == [("hp0001", grant)]
    await known.run(remove_group, "north", now=NOW)
    assert {state for _, _, state in (await known.read(slots, grant)).values()} == {"ending"}


async def test_a_member_without_a_free_slot_refuses_the_whole_grant_by_its_name(known: Registry) -> None:
    await known.run(three)
    for _ in range(3):
        await known.run(schedule, on="hp0002")
    with pytest.raises(Conflict, match="of hp0002 are taken"):
        await known.run(schedule, on="@north")
    with pytest.raises(Conflict, match="of hp0002 are taken"):
        await known.run(_grant_then_join)
    assert len(await known.read(jobs)) == 4


def _grant_then_join(session: Session) -> None:
    remove_members(session, "north", ["hp0002"], now=NOW)
    schedule(session, on="@north")
    add_members(session, "north", ["hp0002"], now=NOW)
