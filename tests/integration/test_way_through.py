"""Whatever is said to a running hub and box, and what comes back exactly, stanza by stanza.

hp0001 is a real box; hp0002 is played by a plain client, so that it can misbehave. Provider agg holds a grant
for both, other for hp0001 only, and stranger is no provider at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from xml.etree.ElementTree import Element
from xml.sax.saxutils import quoteattr

import pytest
import pytest_asyncio
from raw_operator import FAST, configure, link_states, operator
from raw_party import RawParty, canonical, until
from raw_table import (
    ANSWER,
    ASSOCIATE,
    BOX,
    DESK1,
    HP1,
    HP2,
    NOBODY,
    OTHER,
    OTHER_JID,
    PING,
    READ,
    REPORT,
    STANZAS,
    STRANGER,
    STRANGER_JID,
    TABLE,
    WRITE,
    Said,
    error,
    read,
)

from service_provider import ServiceProvider
from support.ports import LOOPBACK
from support.prosody import ProsodyInstall
from support.scene import (
    BOXES,
    HUB,
    PROVIDER_JID,
    Scene,
    box_jid,
    simulated,
    simulated_outputs,
    simulated_points,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

COMES_WITHIN = 5.0
"""Seconds until a stanza that should come is taken not to come."""
RELAY = "HP/RlyGGIO1.SPCSO1"


@pytest.fixture(scope="module")
def scene(prosody_install: ProsodyInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("way"), prosody_install)
    try:
        made.start_server()
        for jid in (box_jid(2), OTHER_JID, STRANGER_JID):
            made.register(jid)
        configure(made, limits=FAST)
        made.start_hub()
        for number in (1, 2):
            operator(made, "heatpump", "add", f"hp{number:04d}", "--box", box_jid(number))
        operator(made, "provider", "add", "agg", "--jid", PROVIDER_JID)
        operator(made, "provider", "add", "other", "--jid", OTHER_JID)
        for holder, heat_pump in (("agg", "hp0001"), ("agg", "hp0002"), ("other", "hp0001")):
            operator(made, "grant", "add", holder, heat_pump, "--right", "read", "--right", "control")
        made.start_box(1, simulated(), simulated_points(), simulated_outputs())
        yield made
    finally:
        made.close()


@dataclass
class Parties:
    """Two sessions of agg, one each of the others, and the box that is played."""

    desk1: RawParty
    desk2: RawParty
    other: RawParty
    stranger: RawParty
    box: RawParty

    def all(self) -> tuple[RawParty, ...]:
        return (self.desk1, self.desk2, self.other, self.stranger, self.box)

    async def settle(self) -> None:
        """Whatever was said before has arrived: later stanzas of every pair that is heard have."""
        # The hub lets strangers ask seldom: that their server has passed on what they said must do.
        await self.stranger.ask("get", PING, "aggregator.example")
        answers = await asyncio.gather(
            self.desk1.ask("get", READ, HP1),
            self.desk1.ask("get", READ, HP2),
            self.desk2.ask("get", READ, HP2),
            self.other.ask("get", READ, HP1),
            self.box.ask("get", PING, HUB),
        )
        assert [one.get("type") for one in answers] == ["result"] * 4 + ["error"]

    def heard(self) -> dict[str, list[str]]:
        return {
            role: [canonical(stanza) for stanza in getattr(self, role).heard]
            for role in ("desk1", "desk2", "other", "stranger", "box")
            if getattr(self, role).heard
        }

    def clear(self) -> None:
        for one in self.all():
            one.heard.clear()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def logged_in(scene: Scene) -> AsyncIterator[Parties]:
    sessions = {
        "desk1": DESK1,
        "desk2": f"{PROVIDER_JID}/desk2",
        "other": OTHER,
        "stranger": STRANGER,
        "box": BOX,
    }
    async with AsyncExitStack() as stack:
        made = Parties(
            **{
                role: await stack.enter_async_context(
                    RawParty(jid, scene.passwords[jid.partition("/")[0]], scene).logged_in()
                )
                for role, jid in sessions.items()
            }
        )
        made.box.answer_with["get"] = ANSWER
        for heat_pump, party in ((HP1, made.desk1), (HP2, made.desk1), (HP2, made.desk2), (HP1, made.other)):
            await until(told(party, heat_pump))
        yield made


def told(party: RawParty, heat_pump: str) -> Callable[[], bool]:
    return lambda: any(f'from="{heat_pump}"' in stanza for stanza in party.everything)


@pytest_asyncio.fixture(loop_scope="module")
async def parties(scene: Scene, logged_in: Parties) -> AsyncIterator[Parties]:
    """After each test everything still works, nobody saw what is not his, nothing was logged as a fault."""
    await logged_in.settle()
    logged_in.clear()
    yield logged_in
    await logged_in.settle()
    assert set((await link_states(scene)).values()) == {"online"}
    for one in (logged_in.desk1, logged_in.desk2, logged_in.other):
        for stanza in one.everything:
            assert BOXES not in stanza, "a provider sees a box's address"
    for stanza in logged_in.box.everything:
        assert "aggregator.example" not in stanza, "a box sees a provider's address"
    for stanza in logged_in.other.everything:
        hidden = "hp0002" not in stanza or 'type="error"' in stanza or "unsubscribed" in stanza
        assert hidden, "a provider sees a heat pump he has no grant for"
    for program in scene.programs.values():
        assert program.process.poll() is None
        assert "Traceback" not in program.log


def provider(scene: Scene) -> ServiceProvider:
    return ServiceProvider(
        f"{PROVIDER_JID}/api",
        scene.passwords[PROVIDER_JID],
        hub=HUB,
        host=LOOPBACK,
        port=scene.xmpp_server.c2s_port,
        ca_file=scene.xmpp_server.ca_file,
    )


@pytest.mark.parametrize("rows", TABLE.values(), ids=TABLE.keys())
async def test_what_comes_back(parties: Parties, rows: tuple[Said, ...]) -> None:
    wrong = []
    for row in rows:
        getattr(parties, row.speaker).send(row.stanza)
        comes = {role: [canonical(stanza)] for role, stanza in row.comes.items()}
        with suppress(TimeoutError):
            await until(lambda comes=comes: parties.heard().keys() >= comes.keys(), COMES_WITHIN)
        await parties.settle()
        if parties.heard() != comes:
            wrong.append(f"{row.speaker} says {row.stanza}: {parties.heard()} instead of {comes}")
        parties.clear()
    assert not wrong, "\n".join(wrong)


async def test_a_real_provider_still_reads_and_switches(scene: Scene, parties: Parties) -> None:
    async with provider(scene) as sp:
        for value in (True, False):
            await sp.operate("hp0001", RELAY, value)
            assert (await sp.read("hp0001", RELAY)).value is value
        assert {one.heatpump for one in await sp.heat_pumps()} == {"hp0001", "hp0002"}
        assert [one.name for one in await sp.listed()] == ["hp0001", "hp0002"]
    parties.clear()


def condition_of(stanza: Element) -> str:
    found = stanza.find("{jabber:client}error")
    assert found is not None
    return next(one.tag.rpartition("}")[2] for one in found if STANZAS in one.tag)


def without_addresses(stanza: Element) -> str:
    for attribute in ("id", "from", "to"):
        stanza.attrib.pop(attribute, None)
    return canonical(stanza)


@pytest.mark.parametrize("inner", [READ, WRITE, ASSOCIATE], ids=["read", "write", "associate"])
async def test_unknown_and_not_his_and_a_stranger_look_alike(parties: Parties, inner: str) -> None:
    type_ = "get" if inner == READ else "set"
    answers = [
        await who.ask(type_, inner, to)
        for who, to in (
            (parties.desk1, NOBODY),
            (parties.other, HP2),
            (parties.other, NOBODY),
            (parties.stranger, HP1),
            (parties.stranger, NOBODY),
        )
    ]
    seen = {without_addresses(one) for one in answers}
    assert seen == {canonical(f'<iq type="error">{error("item-not-found")}</iq>')}


async def test_presence_says_nothing_to_who_has_no_grant(parties: Parties) -> None:
    """Subscriptions and probes for an unknown heat pump and for one that is not his are answered alike."""
    for who in (parties.other, parties.stranger):
        for type_ in ("subscribe", "probe", "unsubscribe"):
            for bare in (f"hp0002@{HUB}", f"nobody@{HUB}"):
                who.send(f'<presence type="{type_}" id="x" to="{bare}"/>')
        for type_ in ("", ' type="unavailable"', ' type="subscribed"'):
            for bare in (f"hp0002@{HUB}", f"nobody@{HUB}"):
                who.send(f'<presence{type_} to="{bare}/IEC"/>')
    await parties.settle()
    for who in (parties.other, parties.stranger):
        seen = [(one.get("from"), one.get("type")) for one in who.heard]
        for id_ in ("hp0002", "nobody"):
            mine = [kind for sender, kind in seen if sender == f"{id_}@{HUB}"]
            assert set(mine) <= {"unsubscribed"}
        assert seen.count((f"hp0002@{HUB}", "unsubscribed")) == seen.count((f"nobody@{HUB}", "unsubscribed"))
        assert {sender for sender, _ in seen} <= {f"hp0002@{HUB}", f"nobody@{HUB}"}
    assert not parties.box.heard, "the box sees nothing of it"


@pytest.mark.parametrize(
    "to",
    [f"ops.{HUB}", f"history.{HUB}", f"hp0001@history.{HUB}/IEC", f"hp0001@ops.{HUB}", f"nobody@ops.{HUB}/x"],
)
async def test_nothing_answers_for_a_component_that_does_not_run(parties: Parties, to: str) -> None:
    for type_, inner in (("get", READ), ("set", WRITE)):
        answer = await parties.desk1.ask(type_, inner, to)
        assert answer.get("type") == "error"
        assert condition_of(answer) == "remote-server-timeout"
    parties.desk1.send(f'<message to="{to}">{READ}</message><presence to="{to}"/>')


RESOURCES = [
    "a/b@c/IEC",
    "IEC",
    """<&'">""",
    "two  words",
    "Grüße 漢字 ｱ",
    "e\u0301",
    "x" * 1023,
    "é" * 511 + "x",
]
"""Resources a provider may bind: 1023 octets is the most there is (RFC 7622, 3.4)."""


@pytest.mark.parametrize("resource", RESOURCES, ids=[f"{one!a:.20}" for one in RESOURCES])
async def test_any_resource_of_a_provider(scene: Scene, parties: Parties, resource: str) -> None:
    client = RawParty(f"{PROVIDER_JID}/{resource}", scene.passwords[PROVIDER_JID], scene)
    async with client.logged_in():
        bound = client.jid.partition("/")[2]
        assert len(bound.encode()) <= 1023
        answer = await client.ask("get", READ, HP1)
        assert (answer.get("type"), answer.get("from"), answer.get("to")) == ("result", HP1, client.jid)
        alias = f"agg@{HUB}/{bound}"
        client.send(f'<iq type="set" id="x" to="{HP2}">{ASSOCIATE}</iq>')
        asked = await parties.box.next_with("x")
        assert (asked.get("from"), asked.get("to")) == (alias, BOX)
        parties.box.send(f'<iq type="error" id="x" to={quoteattr(alias)}>{error("conflict")}</iq>')
        expected = f'<iq type="error" id="x" from="{HP2}" to={quoteattr(client.jid)}>{error("conflict")}</iq>'
        assert canonical(await client.next_with("x")) == canonical(expected)
        parties.box.send(f'<message id="y" to={quoteattr(alias)}>{REPORT}</message>')
        assert (await client.next_with("y")).get("to") == client.jid
    await until(
        lambda: [(one.get("from"), one.get("type")) for one in parties.box.heard] == [(alias, "unavailable")]
    )
    assert not parties.desk1.heard, "what is for one session reaches no other"
    assert not parties.desk2.heard, "what is for one session reaches no other"


async def test_the_same_id_from_several_sessions_at_once(parties: Parties) -> None:
    """Each gets its own answer: the box tells them apart by the alias, the providers by the heat pump."""
    parties.box.answer_with.clear()
    askers = (parties.desk1, parties.desk2, parties.other)
    for turn in range(20):
        for number, asker in enumerate(askers):
            for again in range(2):
                inner = read(1 + 100 * number + 10 * turn + again)
                asker.send(f'<iq type="get" id="same" to="{HP1}">{inner}</iq>')
            asker.send(f'<iq type="get" id="same" to="{HP2}">{READ}</iq>')
        for number, asker in enumerate(askers):
            both = [await asker.next_with("same") for _ in range(3 if asker is parties.other else 2)]
            refused = [one for one in both if one.get("type") == "error"]
            assert [one.get("from") for one in refused] == ([HP2] if asker is parties.other else [])
            both = [one for one in both if one.get("type") == "result"]
            assert [(one.get("from"), one[0][0].text) for one in both] == [
                (HP1, str(1 + 100 * number + 10 * turn + again)) for again in range(2)
            ]
        for _ in range(2):
            asked = await parties.box.next_with("same")
            session = str(asked.get("from"))
            assert session in (f"agg@{HUB}/desk1", f"agg@{HUB}/desk2")
            parties.box.send(f'<iq type="result" id="same" to="{session}">{ANSWER}</iq>')
            asker = parties.desk1 if session.endswith("1") else parties.desk2
            assert (await asker.next_with("same")).get("from") == HP2
    assert not any(one.heard for one in parties.all())
    parties.box.answer_with["get"] = ANSWER


IDS = ["i" * 1_000, "i" * 10_000, "i" * 100_000, """<&'">""", " ", "é漢😀"]


@pytest.mark.parametrize("id_", IDS, ids=[f"{one!a:.12} {len(one)}" for one in IDS])
async def test_any_id(parties: Parties, id_: str) -> None:
    for type_, inner, to, outcome in (
        ("get", READ, HP1, "result"),
        ("set", WRITE, HP1, "result"),
        ("get", READ, NOBODY, "error"),
    ):
        parties.desk1.send(f'<iq type="{type_}" id={quoteattr(id_)} to="{to}">{inner}</iq>')
        answer = await parties.desk1.next_with(id_)
        assert (answer.get("type"), answer.get("from")) == (outcome, to)


async def test_an_iq_without_an_id_is_refused(parties: Parties) -> None:
    for attribute in ("", ' id=""'):
        parties.desk1.send(f'<iq type="get"{attribute} to="{HP2}">{READ}</iq>')
        await until(lambda: bool(parties.desk1.heard))
        answer = parties.desk1.heard.pop()
        assert answer.get("type") == "error"
        assert condition_of(answer) == "bad-request"
    assert not parties.box.heard


async def test_a_result_of_another_heat_pump_answers_nothing(scene: Scene, parties: Parties) -> None:
    """hp0002 answers what hp0001 was asked, with the right id, before hp0001 can: the client waits on."""
    async with provider(scene) as sp:
        seen: list[str] = []
        sp._connection.stanza_handlers.insert(0, lambda element: bool(seen.append(element.get("id", ""))))
        reading = asyncio.create_task(sp.read("hp0001", RELAY))
        await asyncio.sleep(0)
        for count in range(1, 20):
            forged = f"{sp._channel._prefix}-{count}"
            parties.box.send(f'<iq type="result" id="{forged}" to="agg@{HUB}/api">{ANSWER}</iq>')
            parties.box.send(f'<iq type="error" id="{forged}" to="agg@{HUB}/api">{error("gone")}</iq>')
        assert (await reading).value is False
        await until(lambda: seen.count(f"{sp._channel._prefix}-19") == 2)
        assert (await sp.read("hp0001", RELAY)).value is False
