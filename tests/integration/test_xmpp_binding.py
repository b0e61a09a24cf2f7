"""Two ends of the binding talk through a real Prosody: who asks and who serves."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest

from iec61850_model.mms.pdu import (
    ConfirmedRequest,
    ConfirmedResponse,
    GetNameListRequest,
    GetNameListResponse,
    InformationReport,
    ObjectClass,
    ObjectName,
    ObjectScope,
    Payload,
    Unconfirmed,
    VariableList,
)
from iec61850_model.mms.xer import MalformedPdu, encode_payload
from iec61850_model.xmpp import (
    Channel,
    Connection,
    ConnectionFailed,
    ConnectionSettings,
    FailureKind,
    LinkProfile,
    NotConnected,
    RequestTimeout,
    StanzaError,
)
from support.pki import CertificateAuthority
from support.prosody import ProsodyServer
from support.swallow import SwallowingProxy

BRISK = LinkProfile(ping_interval=0.5, ping_timeout=0.5, first_retry=0.1, last_retry=0.3)
DOMAIN = "boxes.example.org"
REQUEST = Payload(ConfirmedRequest(7, GetNameListRequest(ObjectClass.DOMAIN, ObjectScope.VMD)))
ANSWER = Payload(ConfirmedResponse(7, GetNameListResponse(("HP", "LD0", "MET"), more_follows=False)))
REPORT = Payload(Unconfirmed(InformationReport(VariableList((ObjectName("LastApplError"),)), ())))
PATIENCE = 15.0
"""Seconds until a test gives up waiting; never the measure of anything."""


@dataclass
class End:
    """One account with everything that was told about it."""

    connection: Connection
    events: list[str] = field(default_factory=list)
    requests: list[tuple[str, Payload | MalformedPdu, int]] = field(default_factory=list)
    messages: list[tuple[str, Payload]] = field(default_factory=list)
    bounced: list[str] = field(default_factory=list)
    presences: list[tuple[str, str]] = field(default_factory=list)
    channel: Channel = field(init=False)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for may be anything
            await asyncio.sleep(0.02)


def iqs(end: End) -> dict[str, str]:
    """Types of the iqs that come in, by id."""
    seen: dict[str, str] = {}

    def look(element: Element) -> bool:
        if element.tag == "{jabber:client}iq":
            seen[element.get("id", "")] = element.get("type", "")
        return False

    end.connection.stanza_handlers.insert(0, look)
    return seen


@dataclass
class World:
    prosody: ProsodyServer

    def settings(self, jid: str, *, port: int | None = None, password: str = "", ca_file: Path | None = None):
        if not password:
            password = secrets.token_hex(16)
            self.prosody.register(jid.partition("/")[0], password)
        return ConnectionSettings(
            jid, password, "127.0.0.1", port or self.prosody.c2s_port, ca_file or self.prosody.ca_file, BRISK
        )

    @asynccontextmanager
    async def end(
        self, jid: str, *, port: int | None = None, accepts=None, answer=None
    ) -> AsyncIterator[End]:
        connection = Connection(self.settings(jid, port=port))
        end = End(connection)

        def on_request(peer: str, payload: Payload | MalformedPdu, octets: int):
            end.requests.append((peer, payload, octets))
            return answer() if answer else (ANSWER,)

        end.channel = Channel(
            connection,
            accepts=accepts,
            on_request=on_request,
            on_message=lambda peer, payload: end.messages.append((peer, payload)),
            on_error=end.bounced.append,
        )
        connection.on_online.append(lambda: end.events.append("online"))
        connection.on_offline.append(lambda reason: end.events.append("offline"))
        connection.on_presence.append(lambda peer, type_: end.presences.append((peer, type_)))
        await connection.start()
        try:
            yield end
        finally:
            await connection.stop()


@pytest.fixture
def world(prosody: ProsodyServer) -> World:
    return World(prosody)


@pytest.fixture
async def proxy(prosody: ProsodyServer) -> AsyncIterator[SwallowingProxy]:
    proxy = SwallowingProxy(prosody.c2s_port)
    await proxy.start()
    yield proxy
    await proxy.stop()


async def test_a_request_is_answered(world: World) -> None:
    async with world.end(f"xb1@{DOMAIN}/IEC") as box, world.end(f"xc1@{DOMAIN}/desk") as client:
        assert await client.channel.request(f"xb1@{DOMAIN}/IEC", REQUEST) == ANSWER
        assert box.connection.jid == f"xb1@{DOMAIN}/IEC"
        assert box.requests == [(f"xc1@{DOMAIN}/desk", REQUEST, len(encode_payload(REQUEST)))]


async def test_case_and_form_of_an_address_do_not_matter(world: World) -> None:
    async with world.end(f"xb2@{DOMAIN}/IEC"), world.end(f"xc2@{DOMAIN}/desk") as client:
        assert await client.channel.request("XB2@Boxes.Example.ORG/IEC", REQUEST) == ANSWER


async def test_an_awaited_answer_and_a_report_before_it_keep_their_order(world: World) -> None:
    async def later() -> tuple[Payload, ...]:
        await asyncio.sleep(0.05)
        return (REPORT, ANSWER)

    async with (
        world.end(f"xb3@{DOMAIN}/IEC", answer=later),
        world.end(f"xc3@{DOMAIN}/desk") as client,
    ):
        assert await client.channel.request(f"xb3@{DOMAIN}/IEC", REQUEST) == ANSWER
        assert client.messages == [(f"xb3@{DOMAIN}/IEC", REPORT)], "a message sent first must be known first"


async def test_many_requests_at_once_each_get_their_own_answer(world: World) -> None:
    async with world.end(f"xb4@{DOMAIN}/IEC") as box, world.end(f"xc4@{DOMAIN}/desk") as client:
        peer = f"xb4@{DOMAIN}/IEC"
        answers = await asyncio.gather(*(client.channel.request(peer, REQUEST, 60) for _ in range(400)))
        assert answers == [ANSWER] * 400
        assert len(box.requests) == 400


async def test_nobody_there_bounces_at_once(world: World) -> None:
    async with world.end(f"xc5@{DOMAIN}/desk") as client:
        with pytest.raises(StanzaError) as raised:
            await client.channel.request(f"nobody@{DOMAIN}/IEC", REQUEST)
        assert raised.value.condition == "service-unavailable"


async def test_foreign_peers_are_refused_and_not_heard(world: World) -> None:
    box_jid, good = f"xb6@{DOMAIN}/IEC", f"xg6@{DOMAIN}/desk"
    async with (
        world.end(box_jid, accepts=lambda peer: peer == good) as box,
        world.end(good) as friend,
        world.end(f"xc6@{DOMAIN}/desk") as stranger,
    ):
        with pytest.raises(StanzaError) as raised:
            await stranger.channel.request(box_jid, REQUEST)
        assert raised.value.condition == "service-unavailable"
        stranger.channel.send(box_jid, REPORT)
        friend.channel.send(box_jid, REPORT)
        await until(lambda: bool(box.messages))
        assert await friend.channel.request(box_jid, REQUEST) == ANSWER
        assert [peer for peer, _ in box.messages] == [good]
        assert [peer for peer, _, _ in box.requests] == [good]


async def test_an_answer_that_does_not_come_times_out(world: World) -> None:
    async def never() -> tuple[Payload, ...]:
        await asyncio.sleep(3600)
        return ()

    async with world.end(f"xb7@{DOMAIN}/IEC", answer=never), world.end(f"xc7@{DOMAIN}/desk") as client:
        with pytest.raises(RequestTimeout):
            await client.channel.request(f"xb7@{DOMAIN}/IEC", REQUEST, 0.3)


async def test_a_server_that_fails_or_answers_nothing_says_so(world: World) -> None:
    def broken() -> tuple[Payload, ...]:
        raise RuntimeError("a bug")

    async with (
        world.end(f"xb8@{DOMAIN}/IEC", answer=broken),
        world.end(f"xd8@{DOMAIN}/IEC", answer=lambda: ()),
        world.end(f"xc8@{DOMAIN}/desk") as client,
    ):
        for box in (f"xb8@{DOMAIN}/IEC", f"xd8@{DOMAIN}/IEC"):
            with pytest.raises(StanzaError) as raised:
                await client.channel.request(box, REQUEST)
            assert raised.value.condition == "internal-server-error"
        assert client.connection.online


async def test_a_message_to_nobody_comes_back_as_error(world: World) -> None:
    async with world.end(f"xc9@{DOMAIN}/desk") as client:
        client.channel.send(f"nobody@{DOMAIN}/IEC", REPORT)
        await until(lambda: bool(client.bounced))
        assert client.bounced == [f"nobody@{DOMAIN}/IEC"]


async def test_what_was_received_is_acknowledged_and_never_bounces(world: World) -> None:
    peer = f"xb21@{DOMAIN}/IEC"
    async with world.end(peer) as box, world.end(f"xc21@{DOMAIN}/desk") as client:
        for _ in range(20):
            client.channel.send(peer, REPORT)
        await until(lambda: len(box.messages) == 20)
        # The server asks for an acknowledgement after some time without traffic.
        await asyncio.sleep(1)
        assert box.connection._stream is not None
        box.connection._stream.abort()
        await until(lambda: box.events == ["online", "offline", "online"])
        assert await client.channel.request(peer, REQUEST) == ANSWER
        assert client.bounced == []


async def test_what_was_sent_is_counted_as_the_server_counts(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    peer = f"xb22@{DOMAIN}/IEC"
    async with world.end(peer) as box, world.end(f"xc22@{DOMAIN}/desk") as client:
        for _ in range(23):
            assert await client.channel.request(peer, REQUEST) == ANSWER
        for end in (box, client):
            stream = end.connection._stream
            assert stream is not None
            unacknowledged = stream.plugin["xep_0198"].unacked_queue
            await until(lambda queue=unacknowledged: len(queue) < 5)
    assert not [record for record in caplog.records if "Inconsistent sequence" in record.getMessage()]


async def test_unknown_stanzas_are_answered_as_rfc_6120_asks(world: World) -> None:
    async with world.end(f"xb10@{DOMAIN}/IEC"), world.end(f"xc10@{DOMAIN}/desk") as client:
        answers = iqs(client)
        client.connection.send(
            f'<iq type="get" id="odd" to="xb10@{DOMAIN}/IEC"><query xmlns="urn:example:unknown"/></iq>'
        )
        await until(lambda: "odd" in answers)
        assert answers["odd"] == "error"


@pytest.mark.parametrize("stanza_type", ["get", "set"])
async def test_a_pdu_in_the_wrong_stanza_is_refused(world: World, stanza_type: str) -> None:
    async with world.end(f"xb11@{DOMAIN}/IEC") as box, world.end(f"xc11@{DOMAIN}/desk") as client:
        answers = iqs(client)
        body = encode_payload(ANSWER if stanza_type == "get" else REQUEST)
        client.connection.send(f'<iq type="{stanza_type}" id="w" to="xb11@{DOMAIN}/IEC">{body}</iq>')
        await until(lambda: "w" in answers)
        assert answers["w"] == "error"
        assert box.requests == []


async def test_what_is_no_pdu_reaches_the_server_as_such(world: World) -> None:
    async with world.end(f"xb12@{DOMAIN}/IEC") as box, world.end(f"xc12@{DOMAIN}/desk") as client:
        bad = '<confirmed-RequestPDU xmlns="http://www.iec.ch/61850/2018/SCSM_8_2"/>'
        client.connection.send(f'<iq type="get" id="bad" to="xb12@{DOMAIN}/IEC">{bad}</iq>')
        await until(lambda: bool(box.requests))
        assert isinstance(box.requests[0][1], MalformedPdu)


async def test_presence_is_told(world: World) -> None:
    async with world.end(f"xb13@{DOMAIN}/IEC") as box, world.end(f"xc13@{DOMAIN}/desk") as client:
        box.connection.send_presence(to=f"xc13@{DOMAIN}/desk")
        await until(lambda: bool(client.presences))
        await box.connection.stop()
        await until(lambda: len(client.presences) == 2)
        assert client.presences == [
            (f"xb13@{DOMAIN}/IEC", "available"),
            (f"xb13@{DOMAIN}/IEC", "unavailable"),
        ]


async def test_a_silent_cut_is_noticed_and_the_link_comes_back(world: World, proxy: SwallowingProxy) -> None:
    peer = f"xb14@{DOMAIN}/IEC"
    async with world.end(peer) as box, world.end(f"xc14@{DOMAIN}/desk", port=proxy.port) as client:
        proxy.swallow()
        waiting = asyncio.create_task(client.channel.request(peer, REQUEST, PATIENCE))
        await until(lambda: "offline" in client.events)
        with pytest.raises(NotConnected, match="may have been carried out or not"):
            await waiting
        assert not client.connection.online
        # While offline nothing is taken to be sent later.
        with pytest.raises(NotConnected):
            client.channel.send(peer, REPORT)
        with pytest.raises(NotConnected):
            await client.channel.request(peer, REQUEST)
        proxy.reset()
        proxy.heal()
        await until(lambda: client.events == ["online", "offline", "online"])
        assert await client.channel.request(peer, REQUEST) == ANSWER
        assert len(box.requests) == 1, "what was asked during the cut must not arrive late"
        assert box.messages == []


async def test_after_a_restart_of_the_server_both_come_back(world: World, tmp_path: Path) -> None:
    password = secrets.token_hex(16)
    with ProsodyServer(tmp_path / "own", (DOMAIN,), {}) as own:
        own.register(f"xb15@{DOMAIN}", password)
        settings = ConnectionSettings(
            f"xb15@{DOMAIN}/IEC", password, "127.0.0.1", own.c2s_port, own.ca_file, BRISK
        )
        connection = Connection(settings)
        events: list[str] = []
        connection.on_online.append(lambda: events.append("online"))
        connection.on_offline.append(lambda reason: events.append("offline"))
        await connection.start()
        try:
            await asyncio.to_thread(own.kill)
            await until(lambda: events == ["online", "offline"])
            await asyncio.to_thread(own.start)
            await until(lambda: events == ["online", "offline", "online"])
        finally:
            await connection.stop()
        assert not connection.online


async def test_a_wrong_password_is_named_and_not_retried_in_start(world: World) -> None:
    world.prosody.register(f"xc16@{DOMAIN}", "right")
    connection = Connection(world.settings(f"xc16@{DOMAIN}/desk", password="wrong"))
    with pytest.raises(ConnectionFailed, match="refuses the password of xc16@") as raised:
        await connection.start()
    assert raised.value.kind is FailureKind.AUTHENTICATION
    assert not connection.online
    assert "wrong" not in repr(connection.settings)


async def test_a_foreign_ca_is_refused(world: World, tmp_path: Path) -> None:
    CertificateAuthority(tmp_path)
    connection = Connection(world.settings(f"xc17@{DOMAIN}/desk", ca_file=tmp_path / "ca.crt"))
    with pytest.raises(ConnectionFailed, match="check the CA file") as raised:
        await connection.start()
    assert raised.value.kind is FailureKind.TLS


async def test_a_server_for_another_domain_is_refused(world: World) -> None:
    connection = Connection(world.settings("xc18@elsewhere.example/desk", password="x"))
    with pytest.raises(ConnectionFailed) as raised:
        await connection.start()
    assert raised.value.kind in (FailureKind.TLS, FailureKind.REFUSED)


async def test_a_missing_ca_file_is_named(world: World, tmp_path: Path) -> None:
    connection = Connection(world.settings(f"x@{DOMAIN}", password="x", ca_file=tmp_path / "missing.crt"))
    with pytest.raises(ConnectionFailed, match=r"missing\.crt"):
        await connection.start()


async def test_nobody_listens(world: World, proxy: SwallowingProxy) -> None:
    port = proxy.port
    await proxy.stop()
    connection = Connection(world.settings(f"x@{DOMAIN}", password="x", port=port))
    with pytest.raises(ConnectionFailed, match="cannot connect") as raised:
        await connection.start()
    assert raised.value.kind is FailureKind.UNREACHABLE


async def test_begin_goes_on_until_the_server_is_there(world: World, proxy: SwallowingProxy) -> None:
    proxy.swallow()
    connection = Connection(world.settings(f"xb19@{DOMAIN}/IEC", port=proxy.port))
    connection.begin()
    await asyncio.sleep(0.3)
    assert not connection.online
    proxy.heal()
    await until(lambda: connection.online)
    await connection.stop()


async def test_a_stopped_connection_leaves_no_task_behind(world: World) -> None:
    before = asyncio.all_tasks()
    async with world.end(f"xb20@{DOMAIN}/IEC"):
        pass
    await asyncio.sleep(0.1)
    assert {task.get_name() for task in asyncio.all_tasks() - before} == set()
