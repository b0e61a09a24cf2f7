"""Back-off, measuring of PDUs, settings, and logins that must not happen."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest
from slixmpp import JID

from iec61850_model.mms.pdu import Data, Payload
from iec61850_model.mms.xer import encode_payload, parse
from iec61850_model.xmpp import (
    MOBILE,
    WIRED,
    Announcer,
    Connection,
    ConnectionFailed,
    ConnectionSettings,
    LinkProfile,
)
from iec61850_model.xmpp.connection import Backoff
from iec61850_model.xmpp.markup import attribute, octets
from iec61850_model.xmpp.stream import Stream, tls_context
from tests.iec61850_model.test_client import POWER, described, last_error, names, node, values, written

PDUS = [
    Payload(names("LLN0", "MMXU1")),
    Payload(values(POWER, Data("mMSString", "Wärme & <Kälte>"), Data("octet-string", b"")), "1:2"),
    Payload(written(None)),
    Payload(described(node(ST={"Beh": {}}))),
    Payload(last_error("HP/RlyGGIO1$CO$SPCSO1", 7, 8)),
]


@pytest.mark.parametrize("payload", PDUS)
def test_a_pdu_is_measured_as_it_was_written(payload: Payload) -> None:
    xml = re.sub(r"<([\w-]+)></\1>", r"<\1/>", encode_payload(payload))
    assert octets(parse(xml)) == len(xml.encode())


def test_indentation_counts_too() -> None:
    xml = encode_payload(PDUS[0]).replace("><", ">\n  <")
    assert octets(parse(xml)) == len(xml)


@pytest.mark.parametrize("text", ["a&b", "<x/>", '"quoted"', "line\nbreak\ttab\rreturn", "ü", "'"])
def test_an_attribute_comes_back_unchanged(text: str) -> None:
    assert parse(f'<x a="{attribute(text)}"/>').get("a") == text


def test_back_off_doubles_up_to_its_limit() -> None:
    backoff = Backoff(LinkProfile(10, 10, first_retry=1, last_retry=60))
    assert [backoff.after_failure(1.0) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_jitter_spreads_over_half_of_the_interval() -> None:
    assert Backoff(WIRED).after_failure(0.0) == 0.5
    assert Backoff(WIRED).after_failure(1.0) == 1.0


def test_only_a_link_that_lasted_starts_anew() -> None:
    backoff = Backoff(WIRED)
    for _ in range(4):
        backoff.after_failure(1.0)
    assert backoff.after_loss(1.0, 1.0) == 16, "thrown out at once: two boxes with one account must not fight"
    assert backoff.after_loss(3600.0, 1.0) == 1


def test_a_cut_is_known_in_time() -> None:
    assert WIRED.ping_interval + WIRED.ping_timeout <= 30
    assert MOBILE.ping_interval + MOBILE.ping_timeout <= 300


@pytest.mark.parametrize(
    ("jid", "host", "port"),
    [
        ("example.org", None, None),
        ("a@b@c", None, None),
        ("", None, None),
        ("a@example.org", "host", None),
        ("a@example.org", None, 5222),
        ("a@example.org", "host", 0),
        ("a@example.org", "host", 70_000),
    ],
)
def test_settings_that_make_no_sense(jid: str, host: str | None, port: int | None) -> None:
    with pytest.raises(ValueError, match=r"JID|user@domain|host and port|1\.\.65535"):
        ConnectionSettings(jid, "secret", host, port)


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(ConnectionSettings("a@example.org", "secret"))


class Told:
    """A connection that keeps to whom presence was sent."""

    def __init__(self) -> None:
        self.on_online: list[Callable[[], None]] = []
        self.on_offline: list[Callable[[str], None]] = []
        self.on_presence: list[Callable[[str, str], None]] = []
        self.told: list[str] = []

    def send_presence(self, to: str) -> None:
        self.told.append(to)


async def test_a_component_is_told_on_login_on_its_return_and_again_after_a_bounce(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("iec61850_model.xmpp.announce.FIRST_RETRY", 0.01)
    told = Told()
    announcer = Announcer(cast("Connection", told), "hub.example.org")
    told.on_online[0]()
    assert told.told == ["hub.example.org"]
    told.on_presence[0]("hub.example.org", "available")
    told.on_presence[0]("hp0001@hub.example.org/IEC", "available")
    assert len(told.told) == 2
    told.on_online[0]()
    told.on_presence[0]("hub.example.org", "error")
    assert len(told.told) == 3
    await asyncio.sleep(0.05)
    assert len(told.told) == 4
    told.on_presence[0]("hub.example.org", "error")
    announcer.stop()
    await asyncio.sleep(0.1)
    assert len(told.told) == 4, "offline, nothing is tried"


# --- servers nobody should log in to ---------------------------------------------------------------

HEADER = (
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' "
    "from='example.org' version='1.0'>"
)


def features(inside: str) -> str:
    return f"{HEADER}<stream:features>{inside}</stream:features>"


def offering(*mechanisms: str) -> str:
    offered = "".join(f"<mechanism>{name}</mechanism>" for name in mechanisms)
    return features(f"<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{offered}</mechanisms>")


@asynccontextmanager
async def server(first: str) -> AsyncIterator[tuple[int, bytearray]]:
    """A server that opens a stream with ``first`` and grants every bind; gives its port and what it heard."""
    heard = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first.encode())
        while data := await reader.read(4096):
            heard.extend(data)
            for identity in re.findall(rb'<iq[^>]*id="([^"]+)"', data):
                writer.write(
                    b"<iq type='result' id='"
                    + identity
                    + b"'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                    b"<jid>a@example.org/x</jid></bind></iq>"
                )
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1], heard


@pytest.mark.parametrize(
    "first",
    [
        offering("PLAIN"),
        offering("SCRAM-SHA-1", "PLAIN"),
        features("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"),
    ],
    ids=["plain", "scram-without-tls", "no-login-at-all"],
)
async def test_without_tls_nobody_logs_in(first: str) -> None:
    async with server(first) as (port, heard):
        connection = Connection(ConnectionSettings("a@example.org/x", "secret", "127.0.0.1", port))
        with pytest.raises(ConnectionFailed, match=r"SCRAM|TLS"):
            await connection.start()
        assert b"<auth" not in heard
        assert not connection.online


async def test_a_stream_is_not_led_to_another_host() -> None:
    settings = ConnectionSettings("a@example.org/x", "secret", "127.0.0.1", 1)
    stream = Stream(settings, tls_context(None), lambda element: False)
    stream._handle_stream_error({"condition": "see-other-host", "see_other_host": "evil.example"})
    assert stream.default_domain == "example.org", "the certificate asked for stays that of the JID's domain"
    stream.discard()


class SecuredTransport:
    """As much of a TLS transport as the end of a login looks at."""

    def get_extra_info(self, name: str) -> object:
        return self

    def close(self) -> None:
        pass

    abort = close


@pytest.mark.parametrize(
    ("bound", "fails"),
    [("a@example.org/IEC", False), ("a@example.org/IEC-2", True), ("b@example.org/IEC", True)],
)
async def test_a_box_is_online_only_as_itself(bound: str, fails: bool) -> None:
    settings = ConnectionSettings("a@example.org/IEC", "secret", "127.0.0.1", 1)
    stream = Stream(settings, tls_context(None), lambda element: False)
    stream.transport = cast("asyncio.Transport", SecuredTransport())
    stream.sessionstarted, stream.boundjid = True, JID(bound)
    stream._negotiated(None)
    assert bool(stream.opened.exception()) is fails
    stream.discard()


async def test_a_server_that_ends_the_login_is_named() -> None:
    error = "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
    async with server(f"{HEADER}{error}</stream:stream>") as (port, _):
        connection = Connection(ConnectionSettings("a@example.org/x", "secret", "127.0.0.1", port))
        with pytest.raises(ConnectionFailed, match="host-unknown"):
            await connection.start()
