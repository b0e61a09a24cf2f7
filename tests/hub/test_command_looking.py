"""Commands that look: everybody sees exactly what he may know of."""

from __future__ import annotations

import pytest
from command_hub import (
    DAY,
    HUB,
    NOW,
    OPERATOR,
    OTHER,
    OWNER,
    PROVIDER,
    CommandHub,
)

from hub.audit import AuditEntry, AuditKind
from hub.registry import (
    Heard,
    NewGrant,
    add_grant,
    add_group,
    add_heat_pump,
    add_members,
    keep_presence,
)
from hub.roster import HeatPump, LinkState, Right


@pytest.fixture
def hub(command_hub: CommandHub) -> CommandHub:
    return command_hub


async def give(hub: CommandHub, on: str, *rights: Right, provider: str = "agg", **more: object) -> int:
    new = NewGrant(provider, on, rights or (Right.READ,), "root", **more)  # type: ignore[arg-type]
    return (await hub.registry.run(add_grant, new, now=NOW)).key


async def test_everybody_sees_exactly_his_heat_pumps(hub: CommandHub) -> None:
    await hub.registry.run(keep_presence, "router", {"hp0002": Heard(LinkState.ONLINE, NOW)}, {})
    await give(hub, "hp0003")
    await hub.registry.run(add_group, "north", now=NOW)
    await hub.registry.run(add_members, "north", ["hp0002"], now=NOW)
    await give(hub, "@north", provider="heat")
    await give(hub, "hp0001", valid_from=NOW + DAY)  # not yet
    shown = {who: (await hub.run(who, "heat-pumps")).rows for who in (OPERATOR, OWNER, PROVIDER, OTHER)}
    assert [row[:2] for row in shown[OPERATOR]] == [
        ("hp0001", "unknown"), ("hp0002", "online"), ("hp0003", "unknown"),
    ]  # fmt: skip
    assert [row[0] for row in shown[OWNER]] == ["hp0001"]
    assert [row[0] for row in shown[PROVIDER]] == ["hp0003"]
    assert shown[OTHER] == (("hp0002", "online", "2027-01-15 08:00:00 UTC"),)


async def test_where_there_are_too_many_the_beginning_of_their_ids_is_asked(hub: CommandHub) -> None:
    def many(session: object) -> None:
        for number in range(120):
            one = HeatPump(f"street{number:03d}", f"s{number}@boxes.example")
            add_heat_pump(session, one, hub_domain=HUB, now=NOW)  # type: ignore[arg-type]

    await hub.registry.run(many)
    begun = await hub.command(OPERATOR, "heat-pumps")
    assert (begun.status, begun.fields) == ("executing", ("begins",))
    told = await hub.command(OPERATOR, "heat-pumps", "complete", begun.session, begins="street11")
    assert [row[0] for row in told.rows] == [f"street11{last}" for last in range(10)]
    told = await hub.run(OPERATOR, "heat-pumps")
    assert len(told.rows) == 100
    assert "There are more" in told.notes[0]


async def test_grants_are_shown_to_who_holds_them_and_to_whose_heat_pump_they_are_on(hub: CommandHub) -> None:
    mine, other = await give(hub, "hp0001", purpose="operation"), await give(hub, "hp0002", provider="heat")
    await give(hub, "hp0003", provider="heat")
    assert [row[0] for row in (await hub.run(OWNER, "grants")).rows] == [str(mine)]
    assert [row[:4] for row in (await hub.run(PROVIDER, "grants")).rows] == [
        (str(mine), "agg", "hp0001", "read")
    ]
    assert [row[0] for row in (await hub.run(OPERATOR, "grants", heatpump="hp0002")).rows] == [str(other)]
    assert len((await hub.run(OPERATOR, "grants", provider="heat")).rows) == 2
    assert (await hub.run(OPERATOR, "grants")).notes == ("error: name a heat pump or a provider",)
    assert "there is no provider" in (await hub.run(OPERATOR, "grants", provider="nobody")).notes[0]


async def test_explain_says_by_which_grant_and_for_want_of_what(hub: CommandHub) -> None:
    key = await give(hub, "hp0001")
    fields = {"heatpump": "hp0001", "provider": "agg", "reference": "MET/MMXU1.TotW"}
    assert (await hub.run(OWNER, "explain", **fields)).notes == (
        f"info: Allowed: GetDataValues MET/MMXU1.TotW[MX], by grant {key}.",
    )
    fields |= {"reference": "HP/EvuGGIO1.SPCSO1", "service": "Operate"}
    told = await hub.run(OPERATOR, "explain", **fields)
    assert told.notes == (
        "info: Not allowed: Operate HP/EvuGGIO1.SPCSO1.Oper[CO]: no right control on HP/EvuGGIO1.SPCSO1.",
    )
    del fields["provider"]
    assert (await hub.run(PROVIDER, "explain", **fields)).notes == told.notes


@pytest.mark.parametrize("node", ["explain"])
async def test_a_provider_does_not_learn_by_a_command_which_heat_pumps_there_are(
    hub: CommandHub, node: str
) -> None:
    ended = await give(hub, "hp0003")
    await hub.run(OPERATOR, "withdraw", key=str(ended))
    said = set()
    for pump in ("hp0001", "hp0003", "nq9999", "x" * 400):
        hub.now += DAY
        assert (await hub.run(PROVIDER, node, heatpump=pump, reference="MET/MMXU1.TotW")).error
        said.add(hub.sent[-1].partition("<error")[2])
    assert len(said) == 1


async def test_whatever_others_brought_into_the_audit_an_answer_is_one_that_servers_pass_on(
    hub: CommandHub,
) -> None:
    """A stranger is refused and named with what he asked for: as long and as quoted as he likes."""
    for _ in range(150):
        await hub.audit.append(
            AuditEntry(
                at=NOW, kind=AuditKind.REFUSAL, heat_pump="hp0001", service="GetDataValues",
                references=('"' * 2_000, "&" * 2_000), detail='"' * 2_000,
            )
        )  # fmt: skip
    told = await hub.run(OWNER, "seen")
    assert "There are more than can be shown" in told.notes[0]
    assert 10 < len(told.rows) < 150
    assert len(hub.sent[-1].encode()) < 262_144
