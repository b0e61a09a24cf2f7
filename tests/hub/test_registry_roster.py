"""What the registry takes in, what it refuses, and that routers learn of every change exactly as it was."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from hub.registry import (
    Conflict,
    InvalidInput,
    NewGrant,
    NotFound,
    Registry,
    add_grant,
    add_group,
    add_heat_pump,
    add_members,
    add_provider,
    changes_since,
    current_revision,
    get_heat_pump,
    list_grants,
    list_heat_pumps,
    remove_group,
    remove_heat_pump,
    remove_members,
    remove_provider,
    revoke_grant,
    revoke_grants_between,
    steering_ended,
    steering_ready,
)
from hub.registry.models import HeatPumpRow, SteeringRow
from hub.registry.scope import MAX_PATTERNS, checked_scope
from hub.roster import Changes, Grant, HeatPump, Provider, Right, Roster

HUB = "hub.example.org"
NOW = 1_800_000_000.0


def hp(
    session: Session, id_: str = "hp0001", box: str = "box0001@boxes.example", note: str = ""
) -> HeatPumpRow:
    return add_heat_pump(session, HeatPump(id_, box), hub_domain=HUB, now=NOW, note=note)


def sp(session: Session, id_: str = "agg", jid: str = "control@agg.example", name: str = "") -> None:
    add_provider(session, Provider(id_, jid), hub_domain=HUB, now=NOW, name=name)


def give(session: Session, **given: object) -> int:
    new = NewGrant(**{"provider": "agg", "on": "hp0001", "rights": [Right.READ], "giver": "op", **given})  # type: ignore[arg-type]
    return add_grant(session, new, now=NOW).key


@pytest.mark.parametrize("id_", ["hp0001", "0", "a.b_c-d", "x" * 63])
async def test_legal_ids_are_taken(registry: Registry, id_: str) -> None:
    assert (await registry.run(hp, id_)).id == id_


@pytest.mark.parametrize(
    "id_", ["", "HP1", "-a", ".a", "_a", "a b", "a@b", "a/b", "ä", "x" * 64, "ops", "history", "a\n"]
)
async def test_illegal_and_reserved_ids_are_refused(registry: Registry, id_: str) -> None:
    for adding in (hp, sp):
        with pytest.raises(InvalidInput):
            await registry.run(adding, id_)
    assert await registry.read(current_revision) == 0


@pytest.mark.parametrize(
    ("jid", "complaint"),
    [
        ("boxes.example", "no user part"),
        ("box@boxes.example/IEC", "write only box@boxes.example"),
        ("a@b@c", "not a JID"),
        ("", "not a JID|no user part"),
        ("box@hub.example.org", "hub's own domain"),
        ("box@HUB.example.org", "hub's own domain"),
        ("box@ops.hub.example.org", "hub's own domain"),
    ],
)
async def test_wrong_jids_are_refused(registry: Registry, jid: str, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        await registry.run(hp, "hp0001", jid)
    with pytest.raises(InvalidInput, match=complaint):
        await registry.run(sp, "agg", jid)


async def test_a_domain_that_only_ends_alike_is_not_the_hubs(registry: Registry) -> None:
    assert (await registry.run(hp, "hp0001", "Box@otherhub.example.org")).box == "box@otherhub.example.org"


async def test_ids_and_jids_are_each_one_namespace(registry: Registry) -> None:
    await registry.run(hp, "one", "a@x.example")
    await registry.run(sp, "two", "b@x.example")
    for adding, id_, jid in (
        (hp, "one", "c@x.example"), (sp, "one", "c@x.example"), (hp, "two", "c@x.example"),
        (hp, "three", "a@x.example"), (hp, "three", "b@x.example"), (sp, "three", "A@X.example"),
        (sp, "three", "b@x.example"),
    ):  # fmt: skip
        with pytest.raises(Conflict):
            await registry.run(adding, id_, jid)
    assert await registry.read(current_revision) == 2


async def test_the_database_itself_refuses_a_second_live_holder(registry: Registry) -> None:
    await registry.run(hp)

    def twice(session: Session) -> None:
        row = get_heat_pump(session, "hp0001")
        session.add(HeatPumpRow(id=row.id, box="x@y", note="", created=NOW, removed_at=None, revision=9))

    with pytest.raises(IntegrityError):
        await registry.run(twice)


async def test_texts_for_people_are_one_short_line(registry: Registry) -> None:
    with pytest.raises(InvalidInput, match="control characters"):
        await registry.run(hp, note="\x1b[2J")
    with pytest.raises(InvalidInput, match="at most 500"):
        await registry.run(sp, name="x" * 501)


@pytest.mark.parametrize("kind", ["heat pump", "provider"])
async def test_removal_ends_grants_and_frees_the_id(registry: Registry, kind: str) -> None:
    await registry.run(hp)
    await registry.run(sp)
    key = await registry.run(give)
    if kind == "heat pump":
        _, ended = await registry.run(remove_heat_pump, "hp0001", now=NOW + 1)
        await registry.run(hp, "hp0001", "box0001@boxes.example")
    else:
        _, ended = await registry.run(remove_provider, "agg", now=NOW + 1)
        await registry.run(sp)
    assert ended == 1
    assert await registry.read(list_grants, now=NOW + 2) == []
    (old,) = await registry.read(list_grants, now=NOW + 2, ended=True)
    assert (old.key, old.revoked_at, old.state(NOW + 2)) == (key, NOW + 1, "revoked")
    assert (await registry.read(changes_since, 3)).removed_grants == (key,)


async def test_what_is_not_there_cannot_be_removed_or_granted(registry: Registry) -> None:
    await registry.run(hp)
    for attempt in (
        lambda session: remove_heat_pump(session, "nobody", now=NOW),
        lambda session: remove_provider(session, "hp0001", now=NOW),
        lambda session: revoke_grant(session, 7, now=NOW),
        lambda session: revoke_grants_between(session, "agg", "hp0001", now=NOW),
        give,
    ):
        with pytest.raises(NotFound):
            await registry.run(attempt)
    assert await registry.read(current_revision) == 1


async def test_a_grant_is_kept_as_given(registry: Registry) -> None:
    await registry.run(hp)
    await registry.run(sp)
    await registry.run(
        give, rights=[Right.READ, Right.CONTROL, Right.READ], scope=["MET/*", "HP/RlyGGIO1.*", "MET/*"],
        valid_from=NOW + 10, until=NOW + 20, purpose="shift", ground="consent",
    )  # fmt: skip
    (kept,) = await registry.read(list_grants, provider="agg", heat_pump="hp0001", now=NOW)
    assert kept.rights == {Right.READ, Right.CONTROL}
    assert kept.scope == ("HP/RlyGGIO1.*", "MET/*")
    assert (kept.purpose, kept.ground, kept.giver, kept.created) == ("shift", "consent", "op", NOW)
    assert [kept.state(NOW + later) for later in (0, 10, 19, 20)] == ["not yet", "live", "live", "expired"]
    (for_router,) = (await registry.read(changes_since, 0)).grants
    assert for_router == Grant(
        kept.key, "agg", "hp0001", kept.rights, ("HP/RlyGGIO1.*", "MET/*"), NOW + 10, NOW + 20
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"rights": []},
        {"until": NOW},
        {"until": NOW - 1},
        {"valid_from": NOW + 10, "until": NOW + 10},
        {"scope": ["MET"]},
        {"purpose": "a\nb"},
    ],
)
async def test_a_grant_that_cannot_be_meant_is_refused(registry: Registry, wrong: dict[str, object]) -> None:
    await registry.run(hp)
    await registry.run(sp)
    with pytest.raises(InvalidInput):
        await registry.run(give, **wrong)
    assert await registry.read(current_revision) == 2


async def test_revoking_by_pair_takes_all_of_the_pair_and_nothing_else(registry: Registry) -> None:
    await registry.run(hp)
    await registry.run(hp, "hp0002", "box0002@boxes.example")
    await registry.run(sp)
    keys = {await registry.run(give), await registry.run(give, rights=[Right.CONTROL])}
    other = await registry.run(give, on="hp0002")
    revoked = await registry.run(revoke_grants_between, "agg", "hp0001", now=NOW)
    assert {record.key for record in revoked} == keys
    assert [record.key for record in await registry.read(list_grants, now=NOW)] == [other]
    with pytest.raises(NotFound, match="already"):
        await registry.run(revoke_grant, min(keys), now=NOW)


@pytest.mark.parametrize("pattern", ["MET/*", "HP/RlyGGIO1.*", "HP/RlyGGIO1.SPCSO1", "HP/RlyGGIO1.SPCSO1.*"])
def test_scope_patterns_are_taken(pattern: str) -> None:
    assert checked_scope([pattern]) == (pattern,)


@pytest.mark.parametrize(
    "pattern",
    ["", "MET", "MET/", "/MET", "*/MMXU1", "MET/MMXU1", "MET/MM*", "MET/MMXU1.Tot*", "MET/*.TotW",
     "MET/MMXU1.*.mag", "MET/MMXU1.TotW[MX]", "MET/MMXU1.TotW.mag", "MET /*", "MET/*\n", "**",
     "M" * 140 + "/*"],
)  # fmt: skip
def test_other_scopes_are_refused(pattern: str) -> None:
    with pytest.raises(InvalidInput):
        checked_scope([pattern])


def test_a_star_among_patterns_is_everything() -> None:
    assert checked_scope(["MET/*", "*"]) == ()
    with pytest.raises(InvalidInput, match="at most"):
        checked_scope([f"LD{number}/*" for number in range(MAX_PATTERNS + 1)])


async def test_nothing_new_is_no_change(registry: Registry) -> None:
    await registry.run(hp)
    assert await registry.read(changes_since, 1) == Changes(1)


async def test_from_zero_removed_ones_are_not_told(registry: Registry) -> None:
    await registry.run(hp)
    await registry.run(sp)
    await registry.run(give)
    await registry.run(remove_heat_pump, "hp0001", now=NOW)
    assert await registry.read(changes_since, 0) == Changes(
        4, providers=(Provider("agg", "control@agg.example"),)
    )


async def test_a_router_that_follows_knows_what_one_that_starts_knows(registry: Registry) -> None:
    """Random changes; a follower that looks now and then must hold exactly what the registry holds."""
    chance = random.Random(61850)
    follower = Roster()
    most_known = most_granted = most_ready = most_leaving = 0
    most_reached = 0
    for step in range(600):
        await registry.run(_random_change, chance, step)
        if chance.random() < 0.3:
            follower.apply(await registry.read(changes_since, follower.revision))
            fresh = Roster()
            fresh.apply(await registry.read(changes_since, 0))
            assert _content(follower) == _content(fresh)
            most_known = max(most_known, len(follower.heat_pumps))
            most_reached = max(
                most_reached, *(len(follower.reached(f"sp{n}", "group0", NOW)) for n in range(3))
            )
            most_granted = max(most_granted, len(await registry.read(list_grants, now=NOW)))
            most_ready = max(most_ready, sum(len(fresh.slots(one)) for one in fresh.heat_pumps))
            most_leaving = max(most_leaving, len(fresh.leaving))
    assert most_known >= 3
    assert most_reached > 1
    assert most_granted > 4
    assert most_ready > 2
    assert most_leaving >= 1


def _random_change(session: Session, chance: random.Random, step: int) -> None:
    number = chance.randrange(4)
    heat_pump, provider, group = f"hp{number}", f"sp{chance.randrange(3)}", f"group{chance.randrange(2)}"
    with suppress(Conflict, NotFound), session.begin_nested():  # not every random change is possible
        match chance.randrange(16):
            case 0 | 1 | 6:
                hp(session, heat_pump, f"box{chance.randrange(4)}@boxes.example")
            case 2:
                sp(session, provider, f"sp{chance.randrange(3)}@agg.example")
            case 3 if chance.random() < 0.4:
                remove_heat_pump(session, heat_pump, now=NOW + step)
            case 4 if chance.random() < 0.4:
                remove_provider(session, provider, now=NOW + step)
            case 3 | 4 | 15:
                steering_ended(session, _some(session, chance, "ending"))
            case 7 | 14:
                steering_ready(session, _some(session, chance, "pending"))
            case 5:
                on = chance.choice([heat_pump, f"@{group}"])
                revoke_grants_between(session, provider, on, now=NOW)
            case 8:
                add_group(session, group, now=NOW + step)
            case 9 | 13:
                add_members(session, group, [heat_pump], now=NOW + step)
            case 10 if chance.random() < 0.6:
                remove_members(session, group, [heat_pump], now=NOW + step)
            case 11 if chance.random() < 0.2:
                remove_group(session, group, now=NOW + step)
            case 12:
                give(session, provider=provider, on=group, rights=[_right(chance)])
            case _:
                give(session, provider=provider, on=heat_pump, rights=[_right(chance)])


def _right(chance: random.Random) -> Right:
    return Right.SCHEDULE if chance.random() < 0.5 else chance.choice(list(Right))


def _some(session: Session, chance: random.Random, state: str) -> list[int]:
    keys = session.scalars(select(SteeringRow.pk).where(SteeringRow.state == state))
    return [key for key in keys if chance.random() < 0.5]


def _content(roster: Roster) -> object:
    return (
        roster.revision,
        roster.heat_pumps,
        roster.providers,
        {box.box: roster.heat_pump_of_box(box.box) for box in roster.heat_pumps.values()},
        {one.jid: roster.provider_of_jid(one.jid) for one in roster.providers.values()},
        {
            (provider, heat_pump): set(roster.grants(provider, heat_pump, NOW))
            for provider in roster.providers
            for heat_pump in roster.heat_pumps
        },
        {heat_pump: dict(roster.slots(heat_pump)) for heat_pump in roster.heat_pumps},
        roster.leaving,
        {box.box: roster.leaving_of_box(box.box) for box in roster.leaving.values()},
        {provider: set(roster.heat_pumps_of(provider, NOW)) for provider in roster.providers},
        {heat_pump: set(roster.providers_of(heat_pump, NOW)) for heat_pump in roster.heat_pumps},
        {one: [roster.reached(one, f"group{n}", NOW) for n in range(2)] for one in roster.providers},
    )


async def test_a_refused_change_leaves_nothing_behind(registry: Registry) -> None:
    def half(session: Session) -> None:
        hp(session)
        hp(session, "hp0002", "box0001@boxes.example")

    with pytest.raises(Conflict):
        await registry.run(half)
    assert await registry.read(list_heat_pumps) == []
    assert await registry.read(current_revision) == 0
