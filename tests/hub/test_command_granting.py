"""Commands that give and take back, and what the audit says of them."""

from __future__ import annotations

import pytest
from command_hub import (
    NEIGHBOUR,
    NOW,
    OPERATOR,
    OWNER,
    PROVIDER,
    CommandHub,
)

from hub.registry import (
    NewGrant,
    add_grant,
    get_grant,
    open_steering,
    steering_ready,
)
from hub.registry.asks import NewAsk, ask, list_asks
from hub.roster import Right


@pytest.fixture
def hub(command_hub: CommandHub) -> CommandHub:
    return command_hub


async def give(hub: CommandHub, on: str, *rights: Right, provider: str = "agg", **more: object) -> int:
    new = NewGrant(provider, on, rights or (Right.READ,), "root", **more)  # type: ignore[arg-type]
    return (await hub.registry.run(add_grant, new, now=NOW)).key


# --- giving and taking back -----------------------------------------------------------------------


async def test_an_owner_gives_a_grant_for_a_year_and_takes_it_back(hub: CommandHub) -> None:
    begun = await hub.command(OWNER, "grant")
    assert begun.fields == ("heatpump", "provider", "rights", "purpose")
    assert begun.actions == ("next", "complete")
    first = {"heatpump": "hp0001", "provider": "agg", "rights": ["read", "schedule"], "purpose": "research"}
    how_long = await hub.command(OWNER, "grant", "next", begun.session, **first)
    assert (how_long.fields, how_long.actions) == (("until", "scope"), ("prev", "complete"))
    done = await hub.command(OWNER, "grant", "complete", begun.session, until="")
    assert done.notes == ("info: Grant 1: agg has read, schedule on hp0001, until 2028-01-15 08:00:00 UTC.",)
    record = await hub.registry.read(get_grant, 1)
    assert record.giver == f"owner {hub.people[OWNER]}"
    assert (record.purpose, record.ground) == ("research", "consent of the owner, by XMPP")
    (job,) = await hub.registry.read(open_steering, 0)
    await hub.registry.run(steering_ready, [job.key])
    withdrawn = await hub.run(OWNER, "withdraw", key="1")
    assert withdrawn.notes == ("info: Grant 1 withdrawn: agg had read, schedule on hp0001.",)
    (job,) = await hub.registry.read(open_steering, 0)
    assert job.state.value == "ending", "what it left in the box is to be ended, as from the command line"


async def test_prev_leads_back_and_cancel_out(hub: CommandHub) -> None:
    begun = await hub.command(OPERATOR, "grant")
    first = {"heatpump": "hp0003", "provider": "agg", "rights": "read"}
    second = await hub.command(OPERATOR, "grant", "next", begun.session, **first)
    assert second.fields == ("until", "scope", "ground")
    back = await hub.command(OPERATOR, "grant", "prev", begun.session)
    assert back.fields == begun.fields
    assert (await hub.command(OPERATOR, "grant", "prev", begun.session)).error == "bad-request bad-action"
    again = await hub.command(OPERATOR, "grant", "next", begun.session, **(first | {"provider": "heat"}))
    done = await hub.command(
        OPERATOR, "grant", "complete", again.session, until="30d", scope=["MET/*", "HP/*"]
    )
    assert done.notes == ("info: Grant 1: heat has read on hp0003, until 2027-02-14 08:00:00 UTC.",)
    assert (await hub.registry.read(get_grant, 1)).scope == ("HP/*", "MET/*")
    begun = await hub.command(OPERATOR, "grant")
    cancelled = await hub.command(OPERATOR, "grant", "cancel", begun.session)
    assert cancelled.status == "canceled"
    over = await hub.command(OPERATOR, "grant", "complete", begun.session, **first)
    assert over.error == "bad-request bad-sessionid"


async def test_what_will_not_do_is_asked_again_with_the_reason(hub: CommandHub) -> None:
    begun = await hub.command(OWNER, "grant")
    first = {"heatpump": "hp0001", "provider": "agg", "rights": "read"}
    told = await hub.command(OWNER, "grant", "next", begun.session, **first)
    assert (told.status, told.notes) == ("executing", ("error: Purpose: this is needed",))
    told = await hub.command(OWNER, "grant", "next", begun.session, **first, purpose="research")
    told = await hub.command(OWNER, "grant", "complete", begun.session, until="soon")
    assert "'soon' is not a time" in told.notes[0]
    told = await hub.command(OWNER, "grant", "complete", begun.session, until="1h")
    assert told.status == "completed"


async def test_an_operator_records_a_ground_where_consent_is_needed(hub: CommandHub) -> None:
    fields = {"heatpump": "hp0001", "provider": "agg", "rights": "read", "purpose": "research"}
    begun = await hub.command(OPERATOR, "grant")
    await hub.command(OPERATOR, "grant", "next", begun.session, **fields)
    told = await hub.command(OPERATOR, "grant", "complete", begun.session, until="30d")
    assert "needs the owner's consent" in told.notes[0]
    told = await hub.command(OPERATOR, "grant", "complete", begun.session, ground="letter, 2026-11-02")
    assert told.status == "completed"
    record = await hub.registry.read(get_grant, 1)
    assert record.giver == f"operator {hub.people[OPERATOR]}"


@pytest.mark.parametrize("node", ["grant", "withdraw", "approve", "refuse"])
async def test_nobody_decides_about_what_is_anothers(hub: CommandHub, node: str) -> None:
    key = await give(hub, "hp0002", purpose="research", ground="consent")
    await give(hub, "hp0001", purpose="research", ground="consent", provider="heat")
    for pump in ("hp0001", "hp0002"):
        await hub.registry.run(ask, NewAsk("agg", pump, (Right.CONTROL,), "x"), now=NOW)
    (theirs,) = [one.key for one in await hub.registry.read(list_asks, now=NOW) if one.on == "hp0002"]
    wanted = str(key if node == "withdraw" else theirs)
    fields = {"key": wanted}
    if node == "grant":
        fields = {"heatpump": "hp0002", "provider": "agg", "rights": "read", "purpose": "x"}
    assert (await hub.run(OWNER, node, **fields)).error == "item-not-found"
    assert (
        await hub.run(OWNER, node, **fields | {"key": "99", "heatpump": "nq9999"})
    ).error == "item-not-found"
    fields |= {"ground": "consent"} if node == "approve" else {}
    assert not (await hub.run(NEIGHBOUR, node, **fields)).error


async def test_a_contract_is_not_the_owners_to_end(hub: CommandHub) -> None:
    key = await give(hub, "hp0001", purpose="operation")
    assert (await hub.command(OWNER, "withdraw")).notes == (
        "error: nobody holds a grant on your consent: the others, the operator ends",
    )
    await give(hub, "hp0001", purpose="research", ground="consent", provider="heat")
    assert (await hub.run(OWNER, "withdraw", key=str(key))).error == "item-not-found"
    assert (await hub.registry.read(get_grant, key)).revoked_at is None


async def test_a_provider_asks_and_the_owner_approves(hub: CommandHub) -> None:
    told = await hub.run(PROVIDER, "ask", heatpump="hp0001", rights=["read"], purpose="research")
    assert told.notes[0].startswith("info: Asked for read on hp0001. It waits until 2027-02-14")
    assert (await hub.run(PROVIDER, "requests")).rows[0][:3] == ("waiting", "agg", "hp0001")
    assert (await hub.run(NEIGHBOUR, "requests")).rows == ()
    (row,) = (await hub.run(OWNER, "requests")).rows
    begun = await hub.command(OWNER, "approve")
    assert begun.options[0] == f"{row[0]}: agg asks for read on hp0001 for research"
    told = await hub.command(OWNER, "approve", "complete", begun.session, key=row[0], until="30d")
    assert told.notes == ("info: Grant 1: agg has read on hp0001, until 2027-02-14 08:00:00 UTC.",)
    assert [one[0] for one in (await hub.run(PROVIDER, "heat-pumps")).rows] == ["hp0001"]
    assert (await hub.run(PROVIDER, "requests")).rows[0][0] == "granted"


async def test_what_was_refused_looks_as_if_nobody_had_decided(hub: CommandHub) -> None:
    for pump in ("hp0002", "nq9999"):
        await hub.run(PROVIDER, "ask", heatpump=pump, rights=["read"])
    before = (await hub.run(PROVIDER, "requests")).rows
    assert [row[2] for row in before] == ["hp0002", "nq9999"]
    (row,) = (await hub.run(OPERATOR, "requests")).rows
    assert (await hub.run(NEIGHBOUR, "refuse", key=row[0])).status == "completed"
    assert (await hub.run(PROVIDER, "requests")).rows == before


async def test_asking_is_answered_in_the_same_words_be_there_such_a_heat_pump_or_not(hub: CommandHub) -> None:
    said = {(await hub.run(PROVIDER, "ask", heatpump=one, rights="read")).notes[0].replace(one, "X")
            for one in ("hp0001", "nq9999")}  # fmt: skip
    assert len(said) == 1


# --- the audit ------------------------------------------------------------------------------------


async def test_every_change_is_audited_by_who_made_it_and_names_nobody(hub: CommandHub) -> None:
    await hub.run(PROVIDER, "ask", heatpump="hp0001", rights="read", purpose="research")
    await hub.run(OWNER, "approve", key="1")
    await hub.run(OWNER, "withdraw", key="1")
    await hub.run(PROVIDER, "ask", heatpump="hp0002", rights="read", purpose="research")
    await hub.run(OPERATOR, "refuse", key="2")
    await hub.run(OPERATOR, "grant", heatpump="hp0003", provider="heat", rights="read")
    await hub.run(OPERATOR, "withdraw", key="2")
    entries = [one.entry for one in await hub.audited()]
    owner, operator = f"owner {hub.people[OWNER]}", f"operator {hub.people[OPERATOR]}"
    assert [(one.service, one.provider, one.heat_pump, one.actor) for one in entries] == [
        ("ask", "agg", "hp0001", "provider agg"),
        ("request approve", "agg", "hp0001", owner),
        ("owner withdraw", "agg", "hp0001", owner),
        ("ask", "agg", "hp0002", "provider agg"),
        ("request refuse", "agg", "hp0002", operator),
        ("grant add", "heat", "hp0003", operator),
        ("grant revoke", "heat", "hp0003", operator),
    ]
    written = " ".join(str(one) for one in entries)
    for jid in (OWNER, OPERATOR):
        assert jid.partition("/")[0] not in written
        assert f"Name of {jid}" not in written
