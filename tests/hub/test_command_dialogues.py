"""Ad-hoc commands as ordinary clients give them, stanza by stanza, on a real registry and audit."""

from __future__ import annotations

import pytest
from command_hub import (
    DAY,
    HUB,
    NOW,
    OPERATOR,
    OPS,
    OWNER,
    PROVIDER,
    STRANGER,
    CommandHub,
    plain,
)

from hub.operations.commands.catalogue import COMMANDS
from hub.operations.commands.desk import MAX_AT_ONCE_OF_ONE, OF_ONE
from hub.registry.operators import remove_operator
from hub.registry.people import PersonalData, add_person, end_ownership

EVERYBODYS = ["heat-pumps", "grants", "requests", "explain"]
DECIDE = ["approve", "refuse", "grant", "withdraw"]


@pytest.fixture
def hub(command_hub: CommandHub) -> CommandHub:
    return command_hub


# --- what a client sees ---------------------------------------------------------------------------


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


# --- who may what ---------------------------------------------------------------------------------


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


# --- a hostile world ------------------------------------------------------------------------------


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
