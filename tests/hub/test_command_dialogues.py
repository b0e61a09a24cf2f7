"""Ad-hoc commands as ordinary clients give them, stanza by stanza, on a real registry and audit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from command_hub import (
    DAY,
    HUB,
    NEIGHBOUR,
    NOW,
    OPERATOR,
    OPS,
    OTHER,
    OWNER,
    PROVIDER,
    STRANGER,
    CommandHub,
    Furnished,
    copied,
    furnished_in,
    plain,
)

from hub.operations.commands.catalogue import COMMANDS
from hub.operations.commands.desk import MAX_AT_ONCE_OF_ONE, OF_ONE
from hub.registry import (
    Heard,
    NewGrant,
    add_grant,
    add_group,
    add_heat_pump,
    add_members,
    get_grant,
    keep_presence,
    open_steering,
    steering_ready,
)
from hub.registry.asks import NewAsk, ask, list_asks
from hub.registry.operators import remove_operator
from hub.registry.people import PersonalData, add_person, end_ownership
from hub.roster import HeatPump, LinkState, Right

EVERYBODYS = ["heat-pumps", "grants", "requests", "explain"]
DECIDE = ["approve", "refuse", "grant", "withdraw"]


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return furnished_in(tmp_path_factory.mktemp("furnished"))


@pytest.fixture
async def hub(furnished: Furnished, tmp_path: Path) -> AsyncIterator[CommandHub]:
    async with copied(furnished, tmp_path) as made:
        yield made


async def give(hub: CommandHub, on: str, *rights: Right, provider: str = "agg", **more: object) -> int:
    new = NewGrant(provider, on, rights or (Right.READ,), "root", **more)  # type: ignore[arg-type]
    return (await hub.registry.run(add_grant, new, now=NOW)).key


# --- what a client sees -----------------------------------------------------------------------------


async def test_a_client_looks_what_ops_is(hub: CommandHub) -> None:
    info = '<query xmlns="http://jabber.org/protocol/disco#info"/>'
    assert plain(await hub.ask(STRANGER, info, "get")) == plain(
        """<query xmlns="http://jabber.org/protocol/disco#info">"""
        """<identity category="component" type="generic" name="Heat pump hub"/>"""
        """<feature var="http://jabber.org/protocol/disco#info"/>"""
        """<feature var="http://jabber.org/protocol/disco#items"/>"""
        """<feature var="http://jabber.org/protocol/commands"/>"""
        """<feature var="jabber:x:data"/></query>"""
    )


async def test_an_owner_is_shown_his_commands_and_looks_at_one(hub: CommandHub) -> None:
    listed = (
        '<query xmlns="http://jabber.org/protocol/disco#items" node="http://jabber.org/protocol/commands"/>'
    )
    answer = await hub.ask(OWNER, listed, "get")
    assert f'jid="{OPS}" node="heat-pumps" name="Heat pumps"' in answer
    info = '<query xmlns="http://jabber.org/protocol/disco#info" node="grant"/>'
    answer = await hub.ask(OWNER, info, "get")
    assert 'category="automation" type="command-node" name="Give a grant"' in answer


async def test_a_whole_dialogue_as_it_is_on_the_wire(hub: CommandHub) -> None:
    begun = await hub.ask(
        OWNER, '<command xmlns="http://jabber.org/protocol/commands" node="seen" action="execute"/>'
    )
    assert plain(begun) == plain(
        """<command xmlns="http://jabber.org/protocol/commands" node="seen" """
        """sessionid="5" status="executing">"""
        """<actions execute="complete"><complete/></actions>"""
        """<x xmlns="jabber:x:data" type="form"><title>Who read or steered</title>"""
        """<field type="list-single" var="heatpump" label="Only">"""
        """<option label="hp0001"><value>hp0001</value></option></field>"""
        """<field type="text-single" var="since" label="Since">"""
        """<desc>Such as 2026-12-31, 2026-12-31T18:00, 2026-12-31T18:00Z, or 30d, 12h, 15m, 90s;"""
        """ 30d is 30 days ago</desc><value>30d</value></field></x></command>"""
    )
    session = begun.partition('sessionid="')[2].partition('"')[0]
    done = await hub.ask(
        OWNER,
        f'<command xmlns="http://jabber.org/protocol/commands" node="seen" sessionid="{session}">'
        '<x xmlns="jabber:x:data" type="submit"><field var="since"><value>1d</value></field></x></command>',
    )
    assert plain(done) == plain(
        """<command xmlns="http://jabber.org/protocol/commands" node="seen" """
        """sessionid="5" status="completed">"""
        """<note type="info">Nobody did anything.</note></command>"""
    )


# --- who may what -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sender", "allowed"),
    [
        (OPERATOR, EVERYBODYS + DECIDE + ["read", "switch"]),
        (OWNER, [*EVERYBODYS, "seen", *DECIDE, "read", "switch"]),
        (PROVIDER, [*EVERYBODYS, "ask", "read", "switch"]),
        (STRANGER, []),
        (f"kim@post.example.evil/{OWNER}", []),
        ("post.example", []),
        ("hp0001@boxes.example/IEC", []),
    ],
)
async def test_who_may_run_what(hub: CommandHub, sender: str, allowed: list[str]) -> None:
    known = [one.node for one in COMMANDS]
    allowed = [one for one in known if one in allowed]
    assert await hub.nodes(sender) == allowed
    info = '<query xmlns="http://jabber.org/protocol/disco#info" node="{}"/>'
    for node in (*known, "no-such-command"):
        hub.now += DAY  # so that nobody is over his share
        told = await hub.command(sender, node)
        assert (told.error == "item-not-found") == (node not in allowed), node
        looked = await hub.ask(sender, info.format(node), "get")
        assert (looked == "item-not-found") == (node not in allowed), node


async def test_a_command_that_is_not_his_is_refused_in_the_same_octets_as_one_that_is_nobodys(
    hub: CommandHub,
) -> None:
    for node in ("approve", "no-such-command"):
        await hub.command(PROVIDER, node)
    mine, nobodys = (one.replace("i2", "i1") for one in hub.sent)
    assert mine == nobodys


async def test_only_the_address_of_operations_itself_is_served(hub: CommandHub) -> None:
    assert await hub.ask(OWNER, "<query xmlns='jabber:iq:version'/>", "get") == "service-unavailable"


async def test_a_role_that_is_taken_away_ends_what_was_begun(hub: CommandHub) -> None:
    begun = await hub.command(OPERATOR, "grant")
    await hub.registry.run(remove_operator, hub.people[OPERATOR])
    gone = await hub.command(
        OPERATOR, "grant", "complete", begun.session, heatpump="hp0003", provider="agg", rights="read"
    )
    assert gone.error == "item-not-found"
    owner = await hub.command(OWNER, "grant")
    await hub.registry.run(end_ownership, hub.people[OWNER], "hp0001", now=NOW - 1)
    gone = await hub.command(
        OWNER, "grant", "complete", owner.session, heatpump="hp0001", provider="agg", rights="read"
    )
    assert gone.error == "item-not-found"


async def test_an_account_that_stands_for_two_people_is_nobodys(hub: CommandHub) -> None:
    def share(session: object) -> None:
        from hub.registry.people_models import PersonDataRow

        made = add_person(session, PersonalData("Twin"), hub_domain=HUB, now=NOW)  # type: ignore[arg-type]
        session.get_one(PersonDataRow, made.pk).jid = OWNER.partition("/")[0]  # type: ignore[attr-defined]

    await hub.registry.run(share)
    assert await hub.nodes(OWNER) == []


# --- looking ----------------------------------------------------------------------------------------


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
        f"info: Allowed: GetDataValues MET/MMXU1.TotW[ST], by grant {key}.",
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


# --- giving and taking back -------------------------------------------------------------------------


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


# --- the audit --------------------------------------------------------------------------------------


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


# --- a hostile world --------------------------------------------------------------------------------


TOO_LONG, TOO_MANY = f"<value>{'9' * 600}</value>", "<value>1d</value>" * 70


@pytest.mark.parametrize(
    ("type_", "fields"),
    [
        ("result", ""),
        ("submit", '<field var="a"/>' * 40),
        ("submit", f'<field var="since">{TOO_LONG}</field>'),
        ("submit", f'<field var="since">{TOO_MANY}</field>'),
        ("submit", '<field var="since"><value>1d</value><value>2d</value></field>'),
        ("submit", '<field var="since"><value>1&#x85;d</value></field>'),
    ],
    ids=["type", "fields", "length", "values", "two of one", "control character"],
)
async def test_a_form_that_is_none_is_asked_again(hub: CommandHub, type_: str, fields: str) -> None:
    begun = await hub.command(OWNER, "seen")
    head = f'xmlns="http://jabber.org/protocol/commands" node="seen" sessionid="{begun.session}"'
    form = f'<x xmlns="jabber:x:data" type="{type_}">{fields}</x>'
    answer = await hub.ask(OWNER, f"<command {head}>{form}</command>")
    assert 'status="executing"' in answer
    assert 'note type="error"' in answer.replace("ns0:", "")


async def test_who_asks_too_much_is_told_to_wait_and_others_are_not(hub: CommandHub) -> None:
    burst = int(OF_ONE.burst)
    for _ in range(burst):
        await hub.nodes(STRANGER)
    assert (await hub.command(STRANGER, "grant")).error == "resource-constraint"
    assert await hub.nodes(OWNER)
    assert burst > MAX_AT_ONCE_OF_ONE
