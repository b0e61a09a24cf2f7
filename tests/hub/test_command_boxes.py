"""Commands that go to a box: a real server of the shipped model, asked through the real judge."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from command_hub import (
    HUB,
    NEIGHBOUR,
    NOW,
    OPERATOR,
    OTHER,
    OWNER,
    PROVIDER,
    CommandHub,
)

from hub.accounts import Accounts, month_of
from hub.audit import AuditEntry, AuditKind
from hub.registry import NewGrant, add_grant, revoke_grant
from hub.registry.operators import list_operators, remove_operator
from hub.registry.usage import usage_of
from hub.roster import Right
from iec61850_model.client import Transport
from iec61850_model.mms.pdu import Payload
from iec61850_model.mms.xer import decode_payload, encode_payload, parse
from iec61850_model.reference import Reference
from iec61850_model.scl import read_model
from iec61850_model.server import Effect, Incoming, Moment, Reply, Send, Server, Switch
from iec61850_model.values import GOOD, AddCause, Timestamp

MODEL = Path(__file__).parents[2] / "config" / "heatpump-box.icd"
RELAY = "HP/EvuGGIO1.SPCSO1"


class Box:
    """Every heat pump's box at once. ``asked``: in whose name, and what its relay was told."""

    def __init__(self, hub: CommandHub) -> None:
        self._hub = hub
        model = read_model(MODEL.read_bytes())
        self.server = Server(model.tree, model.blocks)
        power = Reference.parse("MET/MMXU1.TotW")
        model.tree.update(power, 1234.5, GOOD, Timestamp.from_unix(NOW - 1))
        self.names: list[str] = []
        self.switched: list[tuple[str, str, object, int]] = []
        self.refuse: AddCause | None = None

    def speaking_for(self, provider: str) -> Transport:
        box = self

        class Way:
            async def request(self, peer: str, payload: Payload) -> Payload:
                return box.answer(provider, peer, payload)

        return Way()

    def answer(self, provider: str, peer: str, payload: Payload) -> Payload:
        self.names.append(provider)
        alias = f"{provider or 'ops'}@{HUB}/~ops"
        xml = encode_payload(payload)
        moment = Moment(self._hub.now)
        effects = self.server.handle(Incoming(alias, 1, decode_payload(parse(xml)), len(xml)), moment)
        return self._perform(effects, provider, peer, moment)

    def _perform(self, effects: list[Effect], provider: str, peer: str, moment: Moment) -> Payload:
        answer: Payload | None = None
        while effects:
            match effects.pop(0):
                case Switch(key, reference, value, or_cat):
                    self.switched.append((provider, str(reference), value, int(or_cat)))
                    effects += self.server.switched(key, self.refuse, moment)
                case Send(_, said):
                    self._hub.office.heard(provider, peer, said)
                case Reply(_, _, payload):
                    answer = decode_payload(parse(encode_payload(payload)))
        assert answer is not None
        return answer


@pytest.fixture
def hub(command_hub: CommandHub) -> CommandHub:
    return command_hub


@pytest.fixture
def box(hub: CommandHub) -> Box:
    made = Box(hub)
    hub.boxes = made.speaking_for
    return made


async def give(hub: CommandHub, on: str, *rights: Right, scope: tuple[str, ...] = ()) -> int:
    new = NewGrant("agg", on, rights, "root", scope=scope)
    return (await hub.registry.run(add_grant, new, now=NOW)).key


async def acts(hub: CommandHub) -> list[tuple[str, ...]]:
    """What the audit says was done, or refused, with boxes."""
    entries = [one.entry for one in await hub.audited() if one.entry.kind is not AuditKind.OPERATOR]
    return [(one.kind.value, one.provider, one.actor, one.service, one.heat_pump) for one in entries]


async def test_a_provider_reads_what_his_grant_lets_him(hub: CommandHub, box: Box) -> None:
    await give(hub, "hp0001", Right.READ, scope=("MET/*",))
    told = await hub.run(PROVIDER, "read", heatpump="hp0001", reference="MET/MMXU1.TotW")
    assert told.rows == (("hp0001", "MET/MMXU1.TotW[MX]", "1234.5 W", "good", "2027-01-15T07:59:59.000Z"),)
    assert set(box.names) == {"agg"}, "the box hears it in the provider's alias"
    told = await hub.run(PROVIDER, "read", heatpump="hp0001", reference=RELAY)
    assert told.notes == ("error: Not allowed on hp0001: no right read on HP/EvuGGIO1.",)
    assert await acts(hub) == [
        ("request", "agg", "provider agg", "GetDataValues", "hp0001"),
        ("refusal", "agg", "provider agg", "GetDataDefinition", "hp0001"),
    ]


@pytest.mark.parametrize("node", ["read", "switch"])
async def test_a_heat_pump_that_is_not_his_is_not_there_and_no_box_hears_of_it(
    hub: CommandHub, box: Box, node: str
) -> None:
    ended = await give(hub, "hp0003", Right.READ, Right.CONTROL)
    await hub.registry.run(revoke_grant, ended, now=NOW)
    await hub.registry.run(add_grant, NewGrant("heat", "hp0002", (Right.READ,), "root"), now=NOW)
    said = set()
    for pump in ("hp0001", "hp0002", "hp0003", "nq9999", "x"):
        hub.now += 3_600
        told = await hub.run(PROVIDER, node, heatpump=pump, reference="not a reference", value="on")
        assert told.error == "item-not-found"
        said.add(hub.sent[-1].partition("<error")[2])
    assert len(said) == 1
    assert (await hub.run(OWNER, node, heatpump="hp0002", reference=RELAY, value="on")).error
    assert box.names == []


@pytest.mark.parametrize(
    ("sender", "name", "actor"),
    [(PROVIDER, "agg", "provider agg"), (OWNER, "", "owner {}"), (OPERATOR, "", "operator {}")],
)
async def test_a_relay_is_switched_by_whoever_may(
    hub: CommandHub, box: Box, sender: str, name: str, actor: str
) -> None:
    await give(hub, "hp0001", Right.READ, Right.CONTROL)
    for value, is_on in (("on", True), ("off", False)):
        hub.now += 60
        told = await hub.run(sender, "switch", heatpump="hp0001", reference=RELAY, value=value)
        assert told.notes == (f"info: hp0001 {RELAY} is {value}.",)
        assert box.switched[-1] == (name, RELAY, is_on, 3), "orCat is remote-control, whoever it is"
    by = actor.format(hub.people.get(sender, ""))
    provider = "agg" if sender == PROVIDER else ""
    if sender == OPERATOR:
        assert by.startswith("operator p-")
    assert set(await acts(hub)) == {("request", provider, by, "Operate", "hp0001")}


async def test_who_may_only_read_does_not_switch(hub: CommandHub, box: Box) -> None:
    await give(hub, "hp0001", Right.READ)
    told = await hub.run(PROVIDER, "switch", heatpump="hp0001", reference=RELAY, value="on")
    assert told.notes == (f"error: Not allowed on hp0001: no right control on {RELAY}.",)
    assert box.switched == []
    assert (await acts(hub))[-1][:4] == ("refusal", "agg", "provider agg", "Operate")


@pytest.mark.parametrize("sender", [OWNER, OPERATOR])
async def test_schedules_are_nobodys_to_switch(hub: CommandHub, box: Box, sender: str) -> None:
    told = await hub.run(sender, "switch", heatpump="hp0001", reference="SCH/EvuFSCH1.EnaReq", value="on")
    assert told.notes[0].startswith("error: Not allowed on hp0001: no right schedule")
    assert box.switched == []


async def test_a_box_that_refuses_says_why(hub: CommandHub, box: Box) -> None:
    box.refuse = AddCause.BLOCKED_BY_INTERLOCKING
    told = await hub.run(OWNER, "switch", heatpump="hp0001", reference=RELAY, value="on")
    assert "Blocked-by-interlocking" in told.notes[0]


async def test_a_box_that_does_not_answer_is_no_answer(hub: CommandHub) -> None:
    told = await hub.run(OWNER, "read", heatpump="hp0001", reference="MET/MMXU1.TotW")
    assert told.notes == ("error: hp0001: there is no box.",)


async def test_a_grant_that_is_withdrawn_while_a_command_is_given_counts_no_more(
    hub: CommandHub, box: Box
) -> None:
    key = await give(hub, "hp0001", Right.READ)
    begun = await hub.command(PROVIDER, "read")
    await hub.registry.run(revoke_grant, key, now=NOW)
    told = await hub.command(
        PROVIDER, "read", "complete", begun.session, heatpump="hp0001", reference="MET/MMXU1.TotW"
    )
    assert told.error == "item-not-found"
    assert box.names == []


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("not one!", "is not a reference"),
        ("MET", "is no data object"),
        ("MET/MMXU1", "is no data object"),
        ("MET/MMXU1.Nothing", "instance-not-available"),
        ("MET/NoLN1.TotW", "instance-not-available"),
    ],
)
async def test_a_reference_that_leads_nowhere_is_asked_for_again(
    hub: CommandHub, box: Box, reference: str, said: str
) -> None:
    told = await hub.run(OWNER, "read", heatpump="hp0001", reference=reference)
    assert told.status == "executing"
    assert said in told.notes[0]


async def test_what_a_provider_uses_by_command_is_in_his_accounts(hub: CommandHub, box: Box) -> None:
    await give(hub, "hp0001", Right.READ, Right.CONTROL)
    await hub.run(PROVIDER, "read", heatpump="hp0001", reference="MET/MMXU1.TotW")
    await hub.run(PROVIDER, "switch", heatpump="hp0001", reference=RELAY, value="on")
    await hub.run(OWNER, "read", heatpump="hp0001", reference="MET/MMXU1.TotW")
    await Accounts(hub.registry, hub.office.used).enter()
    (used,) = await hub.registry.read(usage_of, month_of(time.time()))
    asked_for_definitions = 2
    assert (used.provider, used.heat_pump) == ("agg", "hp0001")
    assert (used.reads, used.controls) == (1 + asked_for_definitions, 1)


async def test_an_owner_sees_who_read_and_switched_what(hub: CommandHub, box: Box) -> None:
    await give(hub, "hp0001", Right.READ)
    await hub.run(PROVIDER, "read", heatpump="hp0001", reference="MET/MMXU1.TotW")
    hub.now += 60
    await hub.run(OWNER, "switch", heatpump="hp0001", reference=RELAY, value="on")
    told = await hub.run(OWNER, "seen", since="1d")
    assert [row[1:6] for row in told.rows] == [
        (f"owner {hub.people[OWNER]}", "hp0001", "request", "Operate", f"{RELAY}.Oper[CO]"),
        ("agg", "hp0001", "request", "GetDataValues", "MET/MMXU1.TotW[MX] MET/MMXU1.TotW.units[CF]"),
    ]
    assert (await hub.run(NEIGHBOUR, "seen", since="1d")).notes == ("info: Nobody did anything.",)
    assert (await hub.command(OTHER, "seen")).error == "item-not-found"


# --- what is taken from somebody while his command is under way ---------------------------------------


async def test_who_is_no_operator_any_more_switches_nothing_with_what_he_has_begun(
    hub: CommandHub, box: Box
) -> None:
    class Slow:
        """While it says what its relay is, the operator is removed."""

        async def request(self, peer: str, payload: Payload) -> Payload:
            answer = box.answer("", peer, payload)
            if await hub.registry.read(list_operators):
                await hub.registry.run(remove_operator, hub.people[OPERATOR])
            return answer

    hub.boxes = lambda _: Slow()
    told = await hub.run(OPERATOR, "switch", heatpump="hp0001", reference=RELAY, value="on")
    assert told.status != "completed" or "is on" not in " ".join(told.notes)
    assert box.names and not box.switched


async def test_a_grant_that_is_withdrawn_while_the_audit_is_written_switches_nothing(
    hub: CommandHub, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await give(hub, "hp0001", Right.READ, Right.CONTROL)
    append = hub.audit.append

    async def slowly(entry: AuditEntry) -> None:
        await append(entry)
        if entry.service == "Operate" and entry.kind is AuditKind.REQUEST:
            await hub.registry.run(revoke_grant, key, now=NOW)

    monkeypatch.setattr(hub.audit, "append", slowly)
    await hub.run(PROVIDER, "switch", heatpump="hp0001", reference=RELAY, value="on")
    assert ("request", "agg", "provider agg", "Operate", "hp0001") in await acts(hub)
    assert not box.switched
