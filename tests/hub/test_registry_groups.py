"""Groups in the registry: who is in them, what ends them, and what a grant on one counts for."""

from __future__ import annotations

import pytest
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
    group_members,
    groups,
    list_grants,
    list_groups,
    remove_group,
    remove_heat_pump,
    remove_members,
    revoke_grants_between,
)
from hub.registry.consents import Consent, consents_since
from hub.registry.models import GrantRow
from hub.roster import HeatPump, Member, Provider, Right, Roster

HUB = "hub.example.org"
NOW = 1_000.0


def fill(session: Session, pumps: int = 3) -> None:
    """hp1, hp2, ... and provider agg; group north with hp1 and hp2."""
    for number in range(1, pumps + 1):
        add_heat_pump(session, HeatPump(f"hp{number}", f"b{number}@b.example"), hub_domain=HUB, now=NOW)
    add_provider(session, Provider("agg", "a@agg.example"), hub_domain=HUB, now=NOW)
    add_group(session, "north", now=NOW)
    add_members(session, "north", ["hp1", "hp2"], now=NOW)


def give(session: Session, on: str = "@north", right: Right = Right.READ, purpose: str = "") -> int:
    return add_grant(session, NewGrant("agg", on, [right], "op", purpose=purpose), now=NOW).key


async def test_a_group_shares_its_namespace_with_heat_pumps_and_providers(registry: Registry) -> None:
    await registry.run(fill)
    for taken in ("hp1", "agg", "north"):
        with pytest.raises(Conflict):
            await registry.run(add_group, taken, now=NOW)
    with pytest.raises(Conflict, match="there is a group north"):
        await registry.run(add_heat_pump, HeatPump("north", "x@b.example"), hub_domain=HUB, now=NOW)
    await registry.run(remove_group, "north", now=NOW)
    await registry.run(add_heat_pump, HeatPump("north", "x@b.example"), hub_domain=HUB, now=NOW)


async def test_members_come_and_go_each_once(registry: Registry) -> None:
    await registry.run(fill)
    before = await registry.read(current_revision)
    assert (await registry.run(add_members, "north", ["hp1"], now=NOW)).heat_pumps == ()
    assert await registry.read(current_revision) == before, "nothing changed"
    changed = await registry.run(add_members, "north", ["hp3", "hp1", "hp3"], now=NOW)
    assert changed.heat_pumps == ("hp3",)
    assert (await registry.run(remove_members, "north", ["hp3", "hp2"], now=NOW)).heat_pumps == ("hp3", "hp2")
    assert (await registry.run(remove_members, "north", ["hp3"], now=NOW)).heat_pumps == ()
    assert await registry.read(group_members, "north") == ["hp1"]
    assert [(one.id, one.members) for one in await registry.read(list_groups)] == [("north", 1)]


async def test_an_unknown_member_leaves_all_out(registry: Registry) -> None:
    await registry.run(fill)
    with pytest.raises(NotFound, match="no heat pump 'hp9', 'agg'"):
        await registry.run(add_members, "north", ["hp3", "hp9", "agg"], now=NOW)
    with pytest.raises(NotFound, match="no group 'south'"):
        await registry.run(add_members, "south", ["hp3"], now=NOW)
    assert await registry.read(group_members, "north") == ["hp1", "hp2"]


async def test_groups_and_the_groups_of_one_are_bounded(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    await registry.run(fill)
    monkeypatch.setattr(groups, "MAX_MEMBERS", 2)
    with pytest.raises(InvalidInput, match="3 members: at most 2"):
        await registry.run(add_members, "north", ["hp3"], now=NOW)
    for number in range(1, groups.MAX_GROUPS_OF_ONE):
        await registry.run(add_group, f"g{number}", now=NOW)
        await registry.run(add_members, f"g{number}", ["hp1"], now=NOW)
    await registry.run(add_group, "last", now=NOW)
    with pytest.raises(InvalidInput, match="hp1 is in 16 groups already"):
        await registry.run(add_members, "last", ["hp2", "hp1"], now=NOW)


async def test_with_a_heat_pump_its_memberships_end_and_with_a_group_its_grants(registry: Registry) -> None:
    await registry.run(fill)
    await registry.run(give)
    at = await registry.read(current_revision)
    await registry.run(remove_heat_pump, "hp2", now=NOW)
    assert (await registry.read(changes_since, at)).removed_members == (Member("north", "hp2"),)
    was, ended = await registry.run(remove_group, "north", now=NOW)
    assert (was.members, ended) == (1, 1)
    assert await registry.read(list_grants, now=NOW) == []
    (grant,) = await registry.read(list_grants, group="north", now=NOW, ended=True)
    assert grant.state(NOW) == "revoked"


async def test_a_grant_is_on_a_heat_pump_or_on_a_group_and_never_on_both(registry: Registry) -> None:
    await registry.run(fill)
    key = await registry.run(give)

    def both(session: Session) -> None:
        session.get_one(GrantRow, key).heat_pump_pk = 1

    with pytest.raises(IntegrityError):
        await registry.run(both)
    with pytest.raises(NotFound, match="no group 'hp1'"):
        await registry.run(give, "@hp1")


async def test_grants_of_a_heat_pump_are_also_those_of_its_groups(registry: Registry) -> None:
    await registry.run(fill)
    of_group, own = await registry.run(give, "north"), await registry.run(give, "hp1")
    listed = {hp: await registry.read(list_grants, heat_pump=hp, now=NOW) for hp in ("hp1", "hp2", "hp3")}
    assert [one.key for one in listed["hp1"]] == [of_group, own]
    assert [one.on for one in listed["hp1"]] == ["@north", "hp1"]
    assert [one.key for one in listed["hp2"]] == [of_group]
    assert listed["hp3"] == []


async def test_revoking_on_a_heat_pump_leaves_its_groups_grants_and_says_so(registry: Registry) -> None:
    await registry.run(fill)
    of_group, own = await registry.run(give), await registry.run(give, "hp1")
    revoked = await registry.run(revoke_grants_between, "agg", "hp1", now=NOW)
    assert [one.key for one in revoked] == [own]
    with pytest.raises(NotFound, match=f"grant {of_group} on its group north counts for it"):
        await registry.run(revoke_grants_between, "agg", "hp1", now=NOW)
    revoked = await registry.run(revoke_grants_between, "agg", "@north", now=NOW)
    assert [one.key for one in revoked] == [of_group]


async def test_a_group_grant_counts_for_who_is_in_the_group_when_it_is_asked_for(registry: Registry) -> None:
    await registry.run(fill)
    await registry.run(give)
    router = Roster()

    async def granted() -> set[str]:
        router.apply(await registry.read(changes_since, router.revision))
        return set(router.heat_pumps_of("agg", NOW))

    assert await granted() == {"hp1", "hp2"}
    await registry.run(add_members, "north", ["hp3"], now=NOW)
    assert await granted() == {"hp1", "hp2", "hp3"}
    await registry.run(remove_members, "north", ["hp1"], now=NOW)
    assert await granted() == {"hp2", "hp3"}
    assert router.grants("agg", "hp1", NOW) == ()


async def test_a_group_grant_for_history_is_a_consent_while_a_heat_pump_is_in_the_group(
    registry: Registry,
) -> None:
    async def known(revision: int = 0) -> dict[str, tuple[Consent, ...]]:
        found = await registry.read(consents_since, revision)
        return {one.heat_pump: one.consents for one in found}

    await registry.run(fill)
    before = await registry.read(current_revision)
    await registry.run(give, "north", Right.HISTORY, "operation")
    assert await known() == {"hp1": (Consent(NOW, None),), "hp2": (Consent(NOW, None),), "hp3": ()}
    assert set(await known(before)) == {"hp1", "hp2"}
    before = await registry.read(current_revision)
    await registry.run(add_members, "north", ["hp3"], now=NOW + 5)
    assert await known(before) == {"hp3": (Consent(NOW + 5, None),)}
    before = await registry.read(current_revision)
    await registry.run(remove_members, "north", ["hp1"], now=NOW + 9)
    assert await known(before) == {"hp1": (Consent(NOW, NOW + 9),)}
