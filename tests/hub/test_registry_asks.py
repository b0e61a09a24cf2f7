"""What providers ask for: stored alike whether there is such an id, decided by operator or owner."""

from __future__ import annotations

from typing import Any

import pytest

from hub.registry import (
    Conflict,
    InvalidInput,
    NewGrant,
    NotFound,
    Registry,
    add_grant,
    add_group,
    add_heat_pump,
    add_provider,
    list_grants,
    remove_heat_pump,
    remove_provider,
    revoke_grant,
)
from hub.registry.ask_answers import Terms, approve_ask, approve_owners_ask, refuse_ask, refuse_owners_ask
from hub.registry.asks import (
    ASK_LASTS,
    MAX_OPEN_ASKS,
    AskRecord,
    NewAsk,
    OwnAsk,
    ask,
    asks_of_owner,
    asks_of_provider,
    get_ask,
    list_asks,
    subscribed_since,
    withdraw_ask,
)
from hub.registry.invites import approve_by_code, invite_owner
from hub.registry.leaving import erase_person, held_of
from hub.registry.people import PersonalData, add_ownership, add_person
from hub.roster import HeatPump, Provider, Right

DOMAIN = "hub.example.org"
NOW = 1_000.0
UNKNOWN = "nobody"


@pytest.fixture
async def filled(registry: Registry) -> Registry:
    for number in (1, 2):
        pump = HeatPump(f"hp{number}", f"box{number}@b.example")
        await registry.run(add_heat_pump, pump, hub_domain=DOMAIN, now=NOW)
    await registry.run(add_group, "north", now=NOW)
    for id_ in ("agg", "other"):
        await registry.run(add_provider, Provider(id_, f"{id_}@p.example"), hub_domain=DOMAIN, now=NOW)
    return registry


async def asked(registry: Registry, wanted: str = "hp1", at: float = NOW, **more: Any) -> OwnAsk:
    return await registry.run(ask, NewAsk(more.pop("provider", "agg"), wanted, **more), now=at)


async def open_ones(registry: Registry, at: float = NOW) -> list[AskRecord]:
    return await registry.read(list_asks, now=at)


async def the_key(registry: Registry, wanted: str = "hp1", at: float = NOW) -> int:
    return next(one.key for one in await open_ones(registry, at) if one.wanted == wanted)


async def seen(registry: Registry, at: float = NOW) -> list[OwnAsk]:
    return await registry.read(asks_of_provider, "agg", now=at)


async def kim(registry: Registry, until: float | None = None) -> str:
    person = await registry.run(add_person, PersonalData("Kim"), hub_domain=DOMAIN, now=NOW)
    await registry.run(add_ownership, person.id, "hp1", since=NOW - 1, until=until)
    return person.id


async def test_an_ask_waits_for_the_operator_until_it_expires(filled: Registry) -> None:
    await asked(filled, rights=[Right.READ, Right.CONTROL], purpose="load shifting")
    (one,) = await open_ones(filled)
    assert (one.provider, one.on, one.purpose) == ("agg", "hp1", "load shifting")
    assert one.rights == {Right.READ, Right.CONTROL}
    assert one.state(NOW) == "open"
    assert await open_ones(filled, NOW + ASK_LASTS) == []
    assert one.state(NOW + ASK_LASTS) == "expired"
    with pytest.raises(NotFound, match="expired"):
        await filled.run(approve_ask, one.key, Terms(), giver="op", now=NOW + ASK_LASTS)


async def test_a_group_is_asked_for_with_or_without_its_sign(filled: Registry) -> None:
    await asked(filled, "@north")
    await asked(filled, "north")
    assert [one.on for one in await open_ones(filled)] == ["@north"]


@pytest.mark.parametrize("wanted", ["hp1", "north", UNKNOWN, "other"])
async def test_its_provider_sees_the_same_whatever_the_id_stands_for(filled: Registry, wanted: str) -> None:
    """Known and refused, a group's, unknown, another provider's: byte for byte but for the id."""
    await asked(filled, wanted)
    for one in await open_ones(filled):
        await filled.run(refuse_ask, one.key, decided_by="op", now=NOW + 1)
    assert await open_ones(filled) == []
    waits = OwnAsk(wanted, frozenset({Right.READ}), "", NOW, NOW + ASK_LASTS, granted=False)
    assert await seen(filled, NOW + 2) == [waits]
    again = await asked(filled, wanted, NOW + 2)
    assert again == OwnAsk(wanted, frozenset({Right.READ}), "", NOW + 2, NOW + 2 + ASK_LASTS, granted=False)
    assert await filled.run(withdraw_ask, "agg", wanted, now=NOW + 3) == again
    assert await seen(filled, NOW + 3) == []
    with pytest.raises(NotFound, match="nothing waits"):
        await filled.run(withdraw_ask, "agg", wanted, now=NOW + 3)


@pytest.mark.parametrize("exists", [True, False])
async def test_the_limit_counts_what_its_provider_sees(filled: Registry, exists: bool) -> None:
    """Neither refusing nor that there is no such id makes room: filling up tells nothing."""
    await asked(filled, "hp1" if exists else UNKNOWN)
    for number in range(1, MAX_OPEN_ASKS):
        await asked(filled, f"x{number}")
    if exists:
        await filled.run(refuse_ask, await the_key(filled), decided_by="op", now=NOW)
    for wanted in ("hp2", "north", "nothing"):
        with pytest.raises(Conflict, match=str(MAX_OPEN_ASKS)):
            await asked(filled, wanted)
    await asked(filled, provider="other")
    await filled.run(withdraw_ask, "agg", "hp1" if exists else UNKNOWN, now=NOW)
    await asked(filled, "hp2")
    await asked(filled, "hp1", NOW + ASK_LASTS)
    assert len(await seen(filled, NOW + ASK_LASTS)) == 1, "what lapsed is forgotten"


async def test_an_unknown_id_is_not_shown_as_open_but_kept_for_a_while(filled: Registry) -> None:
    await asked(filled, UNKNOWN)
    assert await open_ones(filled) == []
    (kept,) = await filled.read(list_asks, now=NOW, ended=True)
    assert (kept.wanted, kept.on) == (UNKNOWN, "")
    with pytest.raises(NotFound, match="no such heat pump or group"):
        await filled.run(approve_ask, kept.key, Terms(), giver="op", now=NOW)


async def test_whoever_was_refused_bothers_nobody_for_a_month(filled: Registry) -> None:
    await asked(filled)
    await filled.run(refuse_ask, await the_key(filled), decided_by="op", now=NOW)
    await asked(filled, at=NOW + 1, rights=[Right.CONTROL])
    await filled.run(withdraw_ask, "agg", "hp1", now=NOW + 2)
    await asked(filled, at=NOW + 3)
    assert await open_ones(filled, NOW + 3) == []
    await asked(filled, at=NOW + ASK_LASTS)
    assert len(await open_ones(filled, NOW + ASK_LASTS)) == 1


async def test_a_subscription_takes_nothing_from_what_was_asked(filled: Registry) -> None:
    """Servers repeat it at each login."""
    first = await asked(filled, rights=[Right.CONTROL], purpose="load shifting")
    assert await asked(filled, at=NOW + 5, subscribed=True) == first


async def test_nobody_grants_what_was_asked_after_he_had_read_it(filled: Registry) -> None:
    person = await kim(filled)
    await asked(filled, purpose="operation", subscribed=True)
    read = await the_key(filled)
    await asked(filled, at=NOW + 1, purpose="operation")
    assert await the_key(filled) == read, "the same again is the same"
    _, code = await filled.run(invite_owner, person, "hp1", now=NOW)
    for more in ({"rights": [Right.CONTROL], "purpose": "operation"}, {"purpose": "research"}):
        await asked(filled, at=NOW + 2, **more)
        with pytest.raises(NotFound):
            await filled.run(approve_ask, read, Terms(), giver="op", now=NOW + 3)
        with pytest.raises(NotFound):
            await filled.run(approve_owners_ask, person, read, Terms(), ground="his", now=NOW + 3)
        with pytest.raises(NotFound):
            await filled.run(approve_by_code, code, read, Terms(), now=NOW + 3)
        assert await filled.read(list_grants, now=NOW + 3) == []
        read = await the_key(filled)
    assert await filled.read(subscribed_since, 0) == [("agg", "hp1")], "his account still waits"


async def test_what_is_asked_after_a_decision_has_another_key(filled: Registry) -> None:
    """Somebody else may have read what was decided, and answer later."""
    await asked(filled)
    read = await the_key(filled)
    await filled.run(approve_ask, read, Terms(), giver="op", now=NOW)
    await asked(filled, at=NOW + 1, rights=[Right.CONTROL])
    again = await the_key(filled, at=NOW + 1)
    assert again != read
    await filled.run(refuse_ask, again, decided_by="op", now=NOW + 2)
    await asked(filled, at=NOW + ASK_LASTS, rights=[Right.HISTORY])
    late = NOW + ASK_LASTS + 2
    await asked(filled, at=late, rights=[Right.HISTORY])
    assert await the_key(filled, at=late) not in (read, again)


async def test_approved_is_what_was_asked_or_other_terms(filled: Registry) -> None:
    await asked(filled, purpose="operation")
    approved, grant = await filled.run(approve_ask, await the_key(filled), Terms(), giver="op", now=NOW + 1)
    assert (grant.provider, grant.on, grant.rights) == ("agg", "hp1", {Right.READ})
    assert (grant.purpose, grant.giver, grant.until) == ("operation", "op", None)
    assert approved.state(NOW + 1) == "approved"
    assert (approved.decided_by, approved.grant) == ("op", grant.key)
    (own,) = await seen(filled, NOW + 1)
    assert own.granted
    await asked(filled, "hp2", rights=[Right.READ, Right.CONTROL])
    less = Terms([Right.READ], scope=["MET/*"], until=NOW + 99)
    approved, grant = await filled.run(approve_ask, await the_key(filled, "hp2"), less, giver="op", now=NOW)
    assert (grant.rights, grant.scope, grant.until) == ({Right.READ}, ("MET/*",), NOW + 99)
    assert approved.state(NOW) == "approved"
    with pytest.raises(NotFound, match="approved"):
        await filled.run(approve_ask, approved.key, Terms(), giver="op", now=NOW)


async def test_a_purpose_that_needs_consent_is_not_approved_without_a_ground(filled: Registry) -> None:
    await asked(filled, rights=[Right.HISTORY], purpose="research")
    key = await the_key(filled)
    with pytest.raises(InvalidInput, match="consent"):
        await filled.run(approve_ask, key, Terms(), giver="op", now=NOW)
    assert (await filled.read(get_ask, key)).state(NOW) == "open"
    _, grant = await filled.run(approve_ask, key, Terms(ground="letter of 2 May"), giver="op", now=NOW)
    assert grant.until is not None


async def test_a_grant_given_otherwise_answers_what_it_covers(filled: Registry) -> None:
    await asked(filled, rights=[Right.READ, Right.CONTROL])
    key = await the_key(filled)
    await filled.run(add_grant, NewGrant("agg", "hp1", [Right.READ], "op"), now=NOW)
    assert (await filled.read(get_ask, key)).state(NOW) == "open"
    both = NewGrant("agg", "hp1", [Right.READ, Right.CONTROL], "op")
    grant = await filled.run(add_grant, both, now=NOW)
    assert (await filled.read(get_ask, key)).grant == grant.key


async def test_what_is_granted_is_not_asked_again_what_ended_is(filled: Registry) -> None:
    await asked(filled)
    _, grant = await filled.run(approve_ask, await the_key(filled), Terms(), giver="op", now=NOW)
    assert (await asked(filled, at=NOW + 1)).granted
    assert await open_ones(filled, NOW + 1) == []
    assert not (await asked(filled, at=NOW + 1, rights=[Right.CONTROL])).granted
    await filled.run(withdraw_ask, "agg", "hp1", now=NOW + 1)
    await filled.run(revoke_grant, grant.key, now=NOW + 2)
    assert not (await asked(filled, at=NOW + 3)).granted
    assert len(await open_ones(filled, NOW + 3)) == 1


async def test_what_has_ended_is_no_longer_granted(filled: Registry) -> None:
    await asked(filled)
    terms = Terms(until=NOW + 9)
    await filled.run(approve_ask, await the_key(filled), terms, giver="op", now=NOW)
    assert [one.granted for one in await seen(filled, NOW + 8)] == [True]
    assert await seen(filled, NOW + 9) == []


async def test_an_owner_decides_on_his_own_heat_pump_alone(filled: Registry) -> None:
    person = await kim(filled, until=NOW + 500)
    await asked(filled, purpose="research")
    await asked(filled, "hp2", purpose="research")
    (his,) = await filled.read(asks_of_owner, person, now=NOW)
    assert his.on == "hp1"
    other, none = await the_key(filled, "hp2"), 99
    for key in (other, none):
        with pytest.raises(NotFound, match=f"^no request {key} waits for the decision of {person}$"):
            await filled.run(approve_owners_ask, person, key, Terms(), ground="his", now=NOW)
        with pytest.raises(NotFound, match=f"^no request {key} waits for the decision of {person}$"):
            await filled.run(refuse_owners_ask, person, key, now=NOW)
    _, grant = await filled.run(approve_owners_ask, person, his.key, Terms(), ground="his word", now=NOW)
    assert (grant.giver, grant.ground, grant.until) == (f"owner {person}", "his word", NOW + 500)
    assert await filled.read(asks_of_owner, person, now=NOW) == []


async def test_an_owner_consents_to_a_purpose_and_may_refuse(filled: Registry) -> None:
    person = await kim(filled)
    await asked(filled)
    key = await the_key(filled)
    with pytest.raises(InvalidInput, match="purpose"):
        await filled.run(approve_owners_ask, person, key, Terms(), ground="his", now=NOW)
    refused = await filled.run(refuse_owners_ask, person, key, now=NOW)
    assert (refused.state(NOW), refused.decided_by) == ("refused", f"owner {person}")
    assert await filled.read(list_grants, provider="agg", now=NOW) == []


async def test_what_is_asked_of_an_owner_is_told_him_and_his_name_in_it_erased(filled: Registry) -> None:
    person = await kim(filled)
    await asked(filled, purpose="heating of Kim")
    await asked(filled, "hp2")
    held = await filled.read(held_of, person, now=NOW)
    assert [(one.on, one.purpose) for one in held.asks] == [("hp1", "heating of Kim")]
    await filled.run(erase_person, person, now=NOW)
    assert [one.purpose for one in await open_ones(filled)] == ["heating of [erased]", ""]


async def test_asks_go_with_their_provider_and_wait_for_an_id_that_is_gone(filled: Registry) -> None:
    await asked(filled)
    await filled.run(remove_heat_pump, "hp1", now=NOW)
    assert await open_ones(filled) == []
    assert len(await seen(filled)) == 1
    await filled.run(remove_provider, "agg", now=NOW)
    assert await filled.read(list_asks, now=NOW, ended=True) == []


@pytest.mark.parametrize("wanted", ["", "HP 1", "ops", "x" * 64])
async def test_what_can_never_be_an_id_is_refused(filled: Registry, wanted: str) -> None:
    with pytest.raises(InvalidInput, match="id"):
        await asked(filled, wanted)
    with pytest.raises(InvalidInput, match="right"):
        await asked(filled, rights=[])
    with pytest.raises(NotFound, match="provider"):
        await asked(filled, provider="nobody")
