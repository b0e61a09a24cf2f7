"""The component's stream against a server of the test's own: what it says and what it makes of it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from hub.component_stream import ComponentStream, LinkDown
from hub.stanzas import Stanza

PATIENCE = 10.0
HEAD = (
    b"<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' "
    b"xmlns:stream='http://etherx.jabber.org/streams' id='s1' from='hub.example.org'>"
)


@dataclass
class Server:
    """One component at a time; ``said`` is what it sent, ``say`` answers."""

    stream: ComponentStream
    taken: asyncio.Queue[Stanza]
    writer: asyncio.StreamWriter
    reader: asyncio.StreamReader
    said: bytes = field(default=b"")

    async def hears(self, text: bytes) -> None:
        async with asyncio.timeout(PATIENCE):
            while text not in self.said:
                part = await self.reader.read(65_536)
                assert part, f"the component closed before {text!r}; it said {self.said!r}"
                self.said += part

    async def took(self, count: int) -> list[Stanza]:
        async with asyncio.timeout(PATIENCE):
            return [await self.taken.get() for _ in range(count)]

    def say(self, xml: bytes) -> None:
        self.writer.write(xml)

    async def accept(self) -> None:
        self.say(HEAD)
        await self.hears(b"</handshake>")
        self.say(b"<handshake/>")
        async with asyncio.timeout(PATIENCE):
            await self.stream.opened


@asynccontextmanager
async def connected(fail_on: str = "") -> AsyncIterator[Server]:
    accepted: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Future()
    listening = await asyncio.start_server(lambda r, w: accepted.set_result((r, w)), "127.0.0.1", 0)
    taken: asyncio.Queue[Stanza] = asyncio.Queue()

    def take(stanza: Stanza) -> None:
        taken.put_nowait(stanza)
        if stanza.id == fail_on:
            raise ValueError("not this one")

    stream = ComponentStream("hub.example.org", "secret", take)
    port = listening.sockets[0].getsockname()[1]
    await asyncio.get_running_loop().create_connection(lambda: stream, "127.0.0.1", port)
    reader, writer = await accepted
    try:
        yield Server(stream, taken, writer, reader)
    finally:
        stream.discard()
        writer.close()
        listening.close()
        await listening.wait_closed()


async def test_the_handshake_proves_the_secret_without_showing_it() -> None:
    async with connected() as server:
        await server.accept()
        proof = hashlib.sha1(b"s1secret").hexdigest().encode()
        assert b"<handshake>" + proof + b"</handshake>" in server.said
        assert b'to="hub.example.org"' in server.said
        assert b"secret" not in server.said


async def test_stanzas_are_taken_whole_however_they_are_cut() -> None:
    async with connected() as server:
        await server.accept()
        for (
            octet
        ) in b"<iq type='get' id='1'><a xmlns='urn:x'>\xc3\xa4</a><iq id='x'/> </iq><message id='2'/>":
            server.say(bytes([octet]))
            await asyncio.sleep(0)
        server.say(b"<presence id='3'/><iq id='4'/>")
        taken = await server.took(4)
        assert [one.id for one in taken] == ["1", "2", "3", "4"]
        assert taken[0].children[0].text == "ä"
        assert taken[0].kind == "iq"


async def test_a_stanza_within_a_stanza_is_only_its_content() -> None:
    async with connected() as server:
        await server.accept()
        server.say(b"<iq id='1'><iq id='inner'/></iq><message id='2'/>")
        assert [one.id for one in await server.took(2)] == ["1", "2"]


async def test_what_is_no_stanza_of_a_component_is_not_taken() -> None:
    async with connected() as server:
        await server.accept()
        server.say(b"<iq xmlns='jabber:client' id='1'/><other id='2'/><iq id='3'/>")
        assert [one.id for one in await server.took(1)] == ["3"]


async def test_what_is_sent_arrives_in_its_order_also_from_within_an_answer() -> None:
    async with connected() as server:
        await server.accept()
        for number in range(100):
            server.stream.send(f"<a n='{number}'/>")
        assert server.stream.unsent >= 100 * len("<a n='1'/>")
        await server.hears(b"<a n='99'/>")
        assert b"".join(f"<a n='{number}'/>".encode() for number in range(100)) in server.said
        assert server.stream.unsent == 0


async def test_a_stanza_that_cannot_be_handled_harms_no_other() -> None:
    async with connected(fail_on="1") as server:
        await server.accept()
        server.say(b"<iq id='1'/><iq id='2'/>")
        await server.took(2)
        assert not server.stream.closed.done()


async def test_a_refused_component_is_told_why() -> None:
    async with connected() as server:
        server.say(HEAD)
        await server.hears(b"</handshake>")
        server.say(
            b"<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
            b"</stream:stream>"
        )
        with pytest.raises(LinkDown, match="not-authorized"):
            async with asyncio.timeout(PATIENCE):
                await server.stream.opened


@pytest.mark.parametrize("broken", [b"<iq></message>", b"\xff\xfe<iq/>", b"<iq>&unknown;</iq>"])
async def test_what_is_no_xml_ends_the_stream(broken: bytes) -> None:
    async with connected() as server:
        await server.accept()
        server.say(broken)
        async with asyncio.timeout(PATIENCE):
            assert "no XML" in await server.stream.closed


async def test_a_server_that_goes_away_is_a_reason() -> None:
    async with connected() as server:
        await server.accept()
        server.writer.close()
        async with asyncio.timeout(PATIENCE):
            assert await server.stream.closed


async def test_memory_does_not_grow_with_what_has_passed() -> None:
    async with connected() as server:
        await server.accept()
        for _ in range(100):
            server.say(b"<iq id='1'/>")
        await server.took(100)
        root = server.stream._root
        assert root is not None
        assert len(root) == 0
