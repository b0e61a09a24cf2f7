"""Consents as the registry knows them: from grants with the right history and a purpose; and series ids."""

from __future__ import annotations

from typing import Any

from hub.registry import (
    NewGrant,
    Registry,
    add_grant,
    add_heat_pump,
    add_provider,
    current_revision,
    remove_heat_pump,
    revoke_grant,
)
from hub.registry.consents import Consent, consents_since, series_of
from hub.roster import HeatPump, Provider, Right

DOMAIN = "hub.example.org"
NOW = 1_000.0


async def fill(registry: Registry, pumps: int = 2) -> None:
    for number in range(1, pumps + 1):
        pump = HeatPump(f"hp{number}", f"box{number}@b.example")
        await registry.run(add_heat_pump, pump, hub_domain=DOMAIN, now=NOW)
    await registry.run(add_provider, Provider("agg", "a@agg.example"), hub_domain=DOMAIN, now=NOW)


async def give(registry: Registry, pump: str = "hp1", **more: Any) -> int:
    new = NewGrant(
        "agg", pump, more.pop("rights", [Right.HISTORY]), "op", **({"purpose": "operation"} | more)
    )
    return (await registry.run(add_grant, new, now=NOW)).key


async def known(registry: Registry, revision: int = 0) -> dict[str, tuple[Consent, ...]]:
    found = await registry.read(consents_since, revision)
    return {one.heat_pump: one.consents for one in found}


async def test_a_grant_for_history_with_a_purpose_is_a_consent(registry: Registry) -> None:
    await fill(registry)
    await give(registry)
    await give(registry, "hp2", purpose="")
    await give(registry, "hp2", rights=[Right.READ, Right.CONTROL])
    assert await known(registry) == {"hp1": (Consent(NOW, None),), "hp2": ()}


async def test_a_consent_has_the_times_of_its_grant(registry: Registry) -> None:
    await fill(registry, 1)
    await give(registry, valid_from=NOW + 10, until=NOW + 20)
    revoked = await give(registry, until=NOW + 99)
    await registry.run(revoke_grant, revoked, now=NOW + 5)
    assert (await known(registry))["hp1"] == (Consent(NOW + 10, NOW + 20), Consent(NOW, NOW + 5))


async def test_only_what_changed_is_told_but_that_wholly(registry: Registry) -> None:
    await fill(registry)
    first = await give(registry)
    await give(registry, "hp2")
    revision = await registry.read(current_revision)
    assert await known(registry, revision) == {}
    await give(registry, until=NOW + 7)
    assert await known(registry, revision) == {"hp1": (Consent(NOW, None), Consent(NOW, NOW + 7))}
    await registry.run(revoke_grant, first, now=NOW + 1)
    assert await known(registry, revision) == {"hp1": (Consent(NOW, NOW + 1), Consent(NOW, NOW + 7))}


async def test_a_heat_pump_that_is_removed_is_told_as_such(registry: Registry) -> None:
    await fill(registry, 1)
    await give(registry)
    revision = await registry.read(current_revision)
    await registry.run(remove_heat_pump, "hp1", now=NOW + 1)
    (gone,) = await registry.read(consents_since, revision)
    assert (gone.removed, gone.consents) == (True, ())
    assert await registry.read(consents_since, 0) == []


async def test_a_series_belongs_to_one_heat_pump_for_good(registry: Registry) -> None:
    await fill(registry, 3)
    pks = [one.pk for one in await registry.read(consents_since, 0)]
    first = await registry.run(series_of, pks[:2])
    again = await registry.run(series_of, pks)
    assert {pk: again[pk] for pk in pks[:2]} == first
    assert len(set(again.values())) == 3
    assert all(0 <= series < 1 << 63 for series in again.values())


async def test_a_heat_pump_that_comes_back_gets_another_series(registry: Registry) -> None:
    await fill(registry, 1)
    (before,) = await registry.read(consents_since, 0)
    await registry.run(remove_heat_pump, "hp1", now=NOW + 1)
    await registry.run(add_heat_pump, HeatPump("hp1", "box1@b.example"), hub_domain=DOMAIN, now=NOW + 2)
    (after,) = await registry.read(consents_since, 0)
    series = await registry.run(series_of, [before.pk, after.pk])
    assert series[before.pk] != series[after.pk]


def test_a_consent_covers_its_first_moment_and_not_its_last() -> None:
    consent = Consent(10.0, 20.0)
    assert [consent.covers(at) for at in (9.9, 10.0, 19.9, 20.0)] == [False, True, True, False]
