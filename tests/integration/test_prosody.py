"""The shipped Prosody configuration keeps what the hub relies on, seen with slixmpp against a real server."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from slixmpp import JID, ClientXMPP, ComponentXMPP, Presence
from slixmpp.exceptions import IqError
from slixmpp.xmlstream import XMLStream

from support.pki import CertificateAuthority
from support.ports import LOOPBACK
from support.prosody import ProsodyError, ProsodyInstall, ProsodyServer, stop_detached
from support.swallow import SwallowingProxy

LOGIN_TIMEOUT = 15.0
"""Seconds for one login on a busy machine."""

CUT_KNOWN_WITHIN = 30.0
"""Seconds; the promise of the wired profile."""

SCRAM = "SCRAM-SHA-256"


async def event_of(stream: XMLStream, *names: str) -> str:
    """Wait for the first of some slixmpp events and return its name."""
    happened: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def handler(name: str) -> Callable[[object], None]:
        def note(_: object) -> None:
            if not happened.done():
                happened.set_result(name)

        return note

    for name in names:
        stream.add_event_handler(name, handler(name), disposable=True)
    async with asyncio.timeout(LOGIN_TIMEOUT):
        return await happened


def client(prosody: ProsodyServer, jid: str, password: str, ca_file: Path | None = None) -> ClientXMPP:
    stream = ClientXMPP(jid, password, sasl_mech=SCRAM)
    stream.ca_certs = ca_file or prosody.ca_file
    stream.enable_direct_tls = False
    stream.enable_plaintext = False
    return stream


@asynccontextmanager
async def logged_in(
    prosody: ProsodyServer, account: str, port: int | None = None, *, acknowledged: bool = False
) -> AsyncIterator[ClientXMPP]:
    """A client with an account of its own; with XEP-0198 (no resumption) if `acknowledged`."""
    password = secrets.token_hex(16)
    prosody.register(account, password)
    stream = client(prosody, f"{account}/IEC", password)
    stream.register_plugin("xep_0199")
    if acknowledged:
        stream.register_plugin("xep_0198", {"allow_resume": False})
    ready = "sm_enabled" if acknowledged else "session_start"
    stream.connect(LOOPBACK, port or prosody.c2s_port)
    try:
        assert await event_of(stream, ready, "failed_all_auth", "ssl_invalid_chain") == ready
        yield stream
    finally:
        stream.abort()


def component(prosody: ProsodyServer, domain: str, secret: str) -> ComponentXMPP:
    # slixmpp gives this constructor no types.
    return ComponentXMPP(domain, secret, LOOPBACK, prosody.component_port)  # type: ignore[no-untyped-call]


@asynccontextmanager
async def connected(prosody: ProsodyServer, domain: str) -> AsyncIterator[ComponentXMPP]:
    """A component with its right secret."""
    stream = component(prosody, domain, prosody.component_secrets[domain])
    stream.connect()
    try:
        await event_of(stream, "session_start")
        yield stream
    finally:
        await stream.disconnect()


def presence_from(stream: ComponentXMPP, jid: JID, kind: str) -> Coroutine[Any, Any, bool]:
    """Return what waits for a presence of this type from `jid`; the component listens from now on."""
    seen = asyncio.Event()

    def note(presence: Presence) -> None:
        if presence["type"] == kind and presence["from"] == jid:
            seen.set()

    stream.add_event_handler(f"presence_{kind}", note)
    return seen.wait()


async def first_features(port: int, domain: str) -> str:
    """What the server offers on a stream that is not encrypted yet."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    streams = "http://etherx.jabber.org/streams"
    opening = f"<stream:stream xmlns='jabber:client' xmlns:stream='{streams}' to='{domain}' version='1.0'>"
    writer.write(opening.encode())
    async with asyncio.timeout(LOGIN_TIMEOUT):
        offered = await reader.readuntil(b"</stream:features>")
    writer.close()
    return offered.decode()


async def test_two_clients_exchange_an_iq(prosody: ProsodyServer) -> None:
    async with (
        logged_in(prosody, "iq1@boxes.example.org") as box,
        logged_in(prosody, "iq2@aggregator.example") as provider,
    ):
        answer = await provider.plugin["xep_0199"].send_ping(box.boundjid, timeout=LOGIN_TIMEOUT)
        assert answer["from"] == box.boundjid
        assert answer["type"] == "result"


async def test_only_scram_sha_256_is_offered_and_only_under_tls(prosody: ProsodyServer) -> None:
    before = await first_features(prosody.c2s_port, "boxes.example.org")
    assert "<required/>" in before
    assert "starttls" in before
    assert "mechanism" not in before

    async with logged_in(prosody, "mechanisms@boxes.example.org") as stream:
        offered = stream.plugin["feature_mechanisms"].mech_list
    assert offered - {f"{SCRAM}-PLUS"} == {SCRAM}


async def test_a_wrong_password_is_refused(prosody: ProsodyServer) -> None:
    prosody.register("wrong@boxes.example.org", "right")
    stream = client(prosody, "wrong@boxes.example.org", "guess")
    stream.connect(LOOPBACK, prosody.c2s_port)
    assert await event_of(stream, "session_start", "failed_all_auth") == "failed_all_auth"
    stream.abort()


async def test_a_new_password_replaces_the_old_one(prosody: ProsodyServer) -> None:
    for password in ("old", "new"):
        prosody.register("renewed@boxes.example.org", password)
    for password, outcome in (("old", "failed_all_auth"), ("new", "session_start")):
        stream = client(prosody, "renewed@boxes.example.org", password)
        stream.connect(LOOPBACK, prosody.c2s_port)
        assert await event_of(stream, "session_start", "failed_all_auth") == outcome
        stream.abort()


async def test_a_server_of_another_ca_is_not_trusted(prosody: ProsodyServer, tmp_path: Path) -> None:
    stranger = CertificateAuthority(tmp_path)
    prosody.register("careful@boxes.example.org", "right")
    stream = client(prosody, "careful@boxes.example.org", "right", stranger.certificate_file)
    stream.connect(LOOPBACK, prosody.c2s_port)
    assert await event_of(stream, "session_start", "ssl_invalid_chain") == "ssl_invalid_chain"
    stream.abort()


async def test_an_iq_to_a_domain_elsewhere_bounces_because_federation_is_off(prosody: ProsodyServer) -> None:
    async with logged_in(prosody, "homebody@boxes.example.org") as stream:
        with pytest.raises(IqError) as bounced:
            await stream.plugin["xep_0199"].send_ping(JID("someone@elsewhere.invalid"), timeout=LOGIN_TIMEOUT)
        assert bounced.value.condition == "not-allowed"


async def test_a_component_with_a_wrong_secret_is_refused(prosody: ProsodyServer) -> None:
    stream = component(prosody, "ops.hub.example.org", "guess")
    stream.connect()
    assert await event_of(stream, "session_start", "disconnected") == "disconnected"
    stream.abort()


async def test_a_component_that_comes_back_takes_the_place_of_its_old_connection(
    prosody: ProsodyServer,
) -> None:
    """The server need not have noticed that the old link is dead."""
    async with connected(prosody, "ops.hub.example.org") as old:
        replaced = asyncio.ensure_future(event_of(old, "disconnected"))
        async with connected(prosody, "ops.hub.example.org") as new:
            assert await replaced == "disconnected"
            old.cancel_connection_attempt()
            assert new.is_connected()


async def test_a_silent_cut_is_known_within_30_s_and_what_was_under_way_bounces(
    prosody: ProsodyServer,
) -> None:
    idle_line, busy_line = SwallowingProxy(prosody.c2s_port), SwallowingProxy(prosody.c2s_port)
    await idle_line.start()
    await busy_line.start()
    try:
        async with (
            connected(prosody, "hub.example.org") as hub,
            logged_in(prosody, "idle@boxes.example.org", idle_line.port, acknowledged=True) as idle,
            logged_in(prosody, "busy@boxes.example.org", busy_line.port, acknowledged=True) as busy,
        ):
            boxes = (idle, busy)
            online = [presence_from(hub, box.boundjid, "available") for box in boxes]
            for box in boxes:
                box.send_presence(pto="hub.example.org")
            async with asyncio.timeout(LOGIN_TIMEOUT):
                await asyncio.gather(*online)

            bounced: asyncio.Queue[str] = asyncio.Queue()
            hub.add_event_handler("message_error", lambda error: bounced.put_nowait(error["id"]))
            gone = [presence_from(hub, box.boundjid, "unavailable") for box in boxes]
            idle_line.swallow()
            busy_line.swallow()
            command = hub.make_message(busy.boundjid, "switch on", mfrom="hub.example.org")
            command["id"] = "command"
            command.send()
            async with asyncio.timeout(CUT_KNOWN_WITHIN):
                await asyncio.gather(*gone)
                assert await bounced.get() == "command"
    finally:
        await idle_line.stop()
        await busy_line.stop()


def test_after_a_kill_it_comes_back_on_the_same_ports_with_its_accounts(
    tmp_path: Path, prosody_install: ProsodyInstall
) -> None:
    with ProsodyServer(tmp_path / "a folder", ["boxes.example.org"], {}, install=prosody_install) as server:
        server.register("kept@boxes.example.org", "right")
        before = (server.c2s_port, server.component_port)
        server.kill()
        assert not server.is_running()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((LOOPBACK, server.c2s_port))
        server.start()
        assert (server.c2s_port, server.component_port) == before

        async def log_in() -> str:
            stream = client(server, "kept@boxes.example.org", "right")
            stream.connect(LOOPBACK, server.c2s_port)
            try:
                return await event_of(stream, "session_start", "failed_all_auth")
            finally:
                stream.abort()

        assert asyncio.run(log_in()) == "session_start"
    assert not server.is_running()


async def test_a_detached_server_is_stopped_from_its_folder_alone(
    tmp_path: Path, prosody_install: ProsodyInstall
) -> None:
    server = ProsodyServer(tmp_path, ["boxes.example.org"], {}, install=prosody_install, detached=True)
    server.start()
    try:
        server.close()
        assert server.is_running()
        assert await asyncio.to_thread(stop_detached, tmp_path)
        assert not server.is_running()
        assert not stop_detached(tmp_path)
    finally:
        server.stop()


async def test_nothing_in_the_folder_is_for_others_and_the_log_knows_no_secret(
    tmp_path: Path, prosody_install: ProsodyInstall
) -> None:
    secret = "component-secret-of-this-test"
    domains, secrets_of = ["boxes.example.org"], {"hub.example.org": secret}
    with ProsodyServer(tmp_path / "server", domains, secrets_of, install=prosody_install) as server:
        server.register("private@boxes.example.org", "password-of-this-test")
        stream = client(server, "private@boxes.example.org", "password-of-this-test")
        stream.connect(LOOPBACK, server.c2s_port)
        assert await event_of(stream, "session_start", "failed_all_auth") == "session_start"
        async with connected(server, "hub.example.org"):
            stream.abort()
        logged = server.log_file.read_text()
        assert "Hello and welcome" in logged
        assert secret not in logged
        assert "password-of-this-test" not in logged
        assert server.directory.stat().st_mode & 0o777 == 0o700
        for name in ("prosody.cfg.lua", "certs/server.key"):
            assert (server.directory / name).stat().st_mode & 0o777 == 0o600
        accounts = list((server.directory / "data").glob("*/accounts/private.dat"))
        assert len(accounts) == 1
        assert accounts[0].stat().st_mode & 0o077 == 0
        assert "password-of-this-test" not in accounts[0].read_text()


def test_a_server_that_cannot_start_says_why(tmp_path: Path, prosody_install: ProsodyInstall) -> None:
    server = ProsodyServer(tmp_path, ["boxes.example.org"], {}, install=prosody_install)
    try:
        (tmp_path / "prosody.cfg.lua").write_text("this is no configuration")
        with pytest.raises(ProsodyError, match=r"ended while starting(?s:.*)prosody\.cfg\.lua:1"):
            server.start()
        assert not server.is_running()
    finally:
        server.close()
