"""The generated cases of ``grant_matrix`` against a running hub: role x service x state of the grant, each
with its answer and its rows in the audit.

A real Prosody, the router as its own process with a real registry and a real audit. Providers, people and
boxes are components of that server: each role's requests go off at once over one connection.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from grant_matrix import (
    ASKED_AFTER,
    LASTS,
    OUTSIDE,
    READ,
    STATES,
    TABLE,
    Place,
    Row,
    build,
    expected,
    granted,
    request,
)
from sqlalchemy.orm import Session

from hub.audit import AuditEntry, AuditFilter, AuditKind, AuditReader, verify
from hub.audit.flood import WRITTEN_PER_PERIOD
from hub.config import HubConfig
from hub.registry import Registry
from hub.registry.manufacturers import NewManufacturer, add_manufacturer
from hub.registry.operators import add_operator
from hub.registry.people import PersonalData, add_ownership, add_person
from iec61850_model.mms import xer
from iec61850_model.mms.pdu import ConfirmedResponse, GetNameListResponse, Payload, WriteResponse
from support.bench.component import Component, connect
from support.bench.stanzas import Splitter
from support.bench.world import BOXES, HUB, PROVIDERS, Programs, new_hub
from support.prosody import ProsodyInstall, ProsodyServer
from support.scene import PROGRAMS

PATIENCE = 60.0
"""Seconds until the test gives up waiting for answers; never the measure of anything."""
ON_THEIR_WAY = 100
"""Requests of one connection without an answer: a server takes no more than half a megabyte at once."""
PEOPLE, OPERATOR, STRANGERS = "people.example", "operator.example", "stranger.example"
ROLES = {
    "other provider": f"other@{PROVIDERS}/desk",
    "manufacturer": f"maker@{BOXES}/desk",
    "owner": f"kim@{PEOPLE}/phone",
    "operator": f"op@{OPERATOR}/console",
    "stranger": f"who@{STRANGERS}/x",
    "box": f"none-0@{BOXES}/IEC",
}
ASKED_FOR = "all-rights-0"
"""The heat pump that those ask for who do not hold the grants of the matrix; Kim's."""
CHUNKS = [TABLE[at : at + WRITTEN_PER_PERIOD] for at in range(0, len(TABLE), WRITTEN_PER_PERIOD)]
"""A provider of its own asks for each: of one sender no more refusals are written one by one."""


def place(state: str, chunk: int, given: float = 0.0) -> Place:
    return Place(f"sp-{state}-{chunk}", f"{state}-{chunk}", given)


@dataclass
class Peer:
    """A component that asks, and as boxes and the collector do answers whatever it is asked."""

    answers: dict[str, str] = field(default_factory=dict)
    component: Component | None = None
    _splitter: Splitter = field(default_factory=Splitter)
    _heard: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, data: bytes) -> None:
        assert self.component is not None
        for kind, attributes, inner in self._splitter.feed(data):
            type_, id_ = attributes.get(b"type", b"").decode(), attributes.get(b"id", b"").decode()
            if kind == b"iq" and type_ in ANSWERS_OF_BOXES:
                head = b'<iq type="result" id="%b" from="%b" to="%b">' % (
                    attributes[b"id"], attributes[b"to"], attributes[b"from"],
                )  # fmt: skip
                self.component.write(head + ANSWERS_OF_BOXES[type_].encode() + b"</iq>")
            elif kind == b"presence" and not type_:
                self.component.write(
                    b'<presence from="%b" to="%b"/>' % (attributes[b"to"], attributes[b"from"])
                )
            elif kind == b"iq" and id_ in self.answers:
                self.answers[id_] = inner.decode() if type_ == "error" else "forwarded"
                self._heard.set()

    async def ask(self, sender: str, row: Row, heat_pump: str) -> str:
        """Send a request, without waiting while few are on their way; returns its id."""
        assert self.component is not None
        await self.answered(ON_THEIR_WAY)
        id_ = secrets.token_hex(8)
        type_, inner = request(row)
        to = f"{heat_pump}@{HUB}/IEC"
        self.component.write(f'<iq type="{type_}" id="{id_}" from="{sender}" to="{to}">{inner}</iq>'.encode())
        self.answers[id_] = ""
        return id_

    async def answered(self, but: int = 0) -> None:
        """Wait until all requests but so many have their answers."""
        async with asyncio.timeout(PATIENCE):
            while sum(not answer for answer in self.answers.values()) > but:
                self._heard.clear()
                await self._heard.wait()


ANSWERS_OF_BOXES = {
    "get": xer.encode_payload(Payload(ConfirmedResponse(1, GetNameListResponse(("HP",), False)))),
    "set": xer.encode_payload(Payload(ConfirmedResponse(1, WriteResponse((None,))))),
}


@dataclass
class Told:
    """What came of all: answers by stanza id, the audit's rows by it, and those of none."""

    cases: dict[tuple[str, int, int], str] = field(default_factory=dict)
    """Stanza ids by state, chunk and row in it."""
    roles: dict[str, list[str]] = field(default_factory=dict)
    """Stanza ids of each role, row by row of the table."""
    answers: dict[str, str] = field(default_factory=dict)
    rows: dict[str, list[AuditEntry]] = field(default_factory=lambda: defaultdict(list))
    sums: list[AuditEntry] = field(default_factory=list)


def fill(session: Session, given: float) -> None:
    places = [(state, place(state, chunk, given)) for state in STATES for chunk in range(len(CHUNKS))]
    other = ("all-rights", Place("other", "elsewhere", given))
    build(session, [*places, other], providers=PROVIDERS, boxes=BOXES)
    kim = add_person(session, PersonalData("Kim", jid=f"kim@{PEOPLE}"), hub_domain=HUB, now=given)
    add_ownership(session, kim.id, ASKED_FOR, since=given)
    operator = add_person(session, PersonalData("Op", jid=f"op@{OPERATOR}"), hub_domain=HUB, now=given)
    add_operator(session, operator.id, now=given)
    add_manufacturer(session, NewManufacturer("maker", BOXES, f"maker@{BOXES}"), hub_domain=HUB, now=given)


async def ask_all(port: int, secrets_of: dict[str, str], programs: Programs, hub: list[str]) -> Told:
    """The hub runs meanwhile: when it ends it has written what it only counted."""
    told = Told()
    peers = {domain: Peer() for domain in secrets_of if domain != HUB}
    for domain, peer in peers.items():
        peer.component = await connect(domain, secrets_of[domain], port, peer.take)
    await asyncio.to_thread(programs.start, "hub", hub, [], "link to the XMPP server is up")
    for state in STATES:
        for number, chunk in enumerate(CHUNKS):
            there = place(state, number)
            sender = f"{there.provider}@{PROVIDERS}/desk"
            for at, row in enumerate(chunk):
                id_ = await peers[PROVIDERS].ask(sender, row, there.heat_pump)
                told.cases[state, number, at] = id_
    for role, jid in ROLES.items():
        peer = peers[jid.partition("/")[0].partition("@")[2]]
        told.roles[role] = [await peer.ask(jid, row, ASKED_FOR) for row in TABLE]
    for peer in peers.values():
        await peer.answered()
    await asyncio.to_thread(programs.end, "hub")
    for peer in peers.values():
        told.answers |= peer.answers
        assert peer.component is not None
        peer.component.close()
    return told


async def read_audit(url: str, told: Told) -> None:
    reader = await AuditReader.open(url)
    try:
        for stored in await reader.newest(AuditFilter(), 100_000):
            if stored.entry.stanza_id:
                told.rows[stored.entry.stanza_id].append(stored.entry)
            else:
                told.sums.append(stored.entry)
    finally:
        await reader.close()
    assert (await verify(url)).findings == ()


async def set_up(url: str) -> None:
    registry = await Registry.open(url)
    try:
        await registry.run(fill, time.time() - ASKED_AFTER)
    finally:
        await registry.close()


@pytest.fixture(scope="module")
def told(prosody_install: ProsodyInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Everything is asked once, then the hub ends and its audit is read."""
    folder: Path = tmp_path_factory.mktemp("matrix-live")
    secrets_of = {
        domain: secrets.token_hex(32)
        for domain in (HUB, f"history.{HUB}", BOXES, PROVIDERS, PEOPLE, OPERATOR, STRANGERS)
    }
    programs = Programs(folder)
    with ProsodyServer(
        folder / "prosody", ["nobody.example.org"], secrets_of, install=prosody_install
    ) as xmpp:
        port = xmpp.component_port
        path = new_hub(folder / "hub", {"router": secrets_of[HUB]}, port, {"presence": {"pace": 5_000}})
        databases = HubConfig.load(path).databases
        begun = time.monotonic()
        asyncio.run(set_up(databases.registry))
        command = [str(PROGRAMS / "hphub"), "run", "--only", "router", "--config", str(path)]
        try:
            found = asyncio.run(ask_all(port, secrets_of, programs, command))
            assert time.monotonic() - begun < LASTS, "the states are no longer what the table says"
        finally:
            programs.stop()
    assert "Traceback" not in programs.said("hub")
    asyncio.run(read_audit(databases.audit, found))
    yield found


def condition(answer: str) -> str:
    """``forwarded``, or the condition of the error."""
    known = ("item-not-found", "forbidden", "not-allowed")
    return answer if answer == "forwarded" else next((one for one in known if f"<{one} " in answer), answer)


@pytest.mark.parametrize("state", STATES)
def test_the_holder_gets_what_his_grant_lets_through_and_the_audit_is_told(told: Told, state: str) -> None:
    for number, chunk in enumerate(CHUNKS):
        there = place(state, number)
        for at, row in enumerate(chunk):
            service, reference, _, _, audited = row
            id_, wanted = told.cases[state, number, at], expected(row, state)
            case = f"{service} {reference}, {state}"
            assert condition(told.answers[id_]) == wanted, case
            steered = wanted == "forwarded" and audited == "audited"
            asked = [AuditKind.REQUEST] if steered else [] if wanted == "forwarded" else [AuditKind.REFUSAL]
            rows = told.rows[id_]
            assert [one.kind for one in rows if one.kind is not AuditKind.RESULT] == asked, case
            results = [one for one in rows if one.kind is AuditKind.RESULT]
            assert len(results) == (wanted == "forwarded" and request(row)[0] == "set"), case
            for one in rows:
                assert (one.provider, one.provider_jid) == (
                    there.provider,
                    f"{there.provider}@{PROVIDERS}/desk",
                )
                assert one.heat_pump == there.heat_pump
                assert one.box == (f"{there.heat_pump}@{BOXES}" if STATES[state][1][0] else "")
                assert one.kind is AuditKind.RESULT or one.service == service
                assert one.kind is not AuditKind.REFUSAL or one.detail.startswith(f"{wanted}: ")
            assert all(one.detail == "done" for one in results)


def wanted_of(role: str, row: Row) -> str:
    match role:
        case "manufacturer":
            # Alarm and name plate are in HP, what else is technical is in no row of the table.
            inside = row[:2] == ("GetLogicalDeviceDirectory", "HP")
            return "forwarded" if inside else granted(row, frozenset({READ}), OUTSIDE)
        case "box":
            return "not-allowed"
    return "item-not-found"


@pytest.mark.parametrize("role", ROLES)
def test_nobody_else_gets_more_than_his_role_lets_through(told: Told, role: str) -> None:
    """A flood of refusals is counted, so the first are rows of their own and all others are in one sum."""
    ids = told.roles[role]
    wanted = [wanted_of(role, row) for row in TABLE]
    assert [condition(told.answers[id_]) for id_ in ids] == wanted
    rows = [one for id_ in ids for one in told.rows[id_] if one.kind is AuditKind.REFUSAL]
    refused = sum(one != "forwarded" for one in wanted)
    known = {"other provider": "other", "manufacturer": "maker"}.get(role, "")
    who = ROLES[role] if known else ROLES[role].partition("/")[0].partition("@")[2]
    if role == "box":
        assert rows == [], "a box that asks is refused like anybody who writes nonsense: nothing is at stake"
        return
    assert len(rows) == WRITTEN_PER_PERIOD
    assert {(one.provider, one.provider_jid, one.heat_pump) for one in rows} == {(known, who, ASKED_FOR)}
    sums = [one.detail for one in told.sums if one.provider_jid == who.partition("/")[0]]
    assert sums == [f"{refused - WRITTEN_PER_PERIOD} more refused"]


def test_unknown_people_are_refused_alike_and_the_audit_names_none(told: Told) -> None:
    """An owner who asks as an IEC 61850 client is a stranger: his address is nowhere in the audit."""
    answers = {role: [told.answers[id_] for id_ in told.roles[role]] for role in ROLES}
    assert answers["owner"] == answers["operator"] == answers["stranger"] == answers["other provider"]
    every = [*told.sums, *(one for rows in told.rows.values() for one in rows)]
    assert not any(name in str(one) for one in every for name in ("kim@", "op@", "who@", "phone", "console"))


def test_it_is_the_whole_matrix(told: Told) -> None:
    assert len(told.cases) == len(TABLE) * len(STATES)
    assert Counter(condition(told.answers[id_]) for id_ in told.cases.values()).keys() == {
        "forwarded", "forbidden", "item-not-found",
    }  # fmt: skip
