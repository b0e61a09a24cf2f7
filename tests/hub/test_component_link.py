"""The component's link notices a server that says nothing any more, and only that one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from hub import component
from hub.component import ComponentLink
from hub.stanzas import Stanza

DOMAIN = "hub.example.org"
PATIENCE = 10.0
HEAD = (
    b"<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' "
    b"xmlns:stream='http://etherx.jabber.org/streams' id='s1' from='hub.example.org'>"
)


class Server:
    """Takes the component and passes on to itself what it writes to itself, until told to hang."""

    def __init__(self) -> None:
        self.hangs = False
        self.questions = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        await reader.readuntil(b"</handshake>")
        writer.write(b"<handshake/>")
        while question := await reader.read(65_536):
            self.questions += 1
            if not self.hangs:
                writer.write(question)
        writer.close()


@asynccontextmanager
async def linked(server: Server, taken: list[Stanza]) -> AsyncIterator[list[str]]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    told: list[str] = []
    link = ComponentLink(DOMAIN, "secret", listening.sockets[0].getsockname()[:2], taken.append)
    link.on_up.append(lambda: told.append("up"))
    link.on_down.append(lambda: told.append("down"))
    running = asyncio.create_task(link.run())
    try:
        yield told
    finally:
        running.cancel()
        await asyncio.wait({running})
        listening.close()
        await listening.wait_closed()


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for may be anything
        await asyncio.sleep(0.02)


async def test_a_server_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("QUIET", 0.05), ("ASK_EVERY", 0.05), ("SILENT", 1.0)):
        monkeypatch.setattr(component, name, seconds)
    server, taken = Server(), list[Stanza]()
    async with linked(server, taken) as told, asyncio.timeout(PATIENCE):
        await until(lambda: server.questions >= 30)  # longer than SILENT: it hears itself
        assert told == ["up"]
        server.hangs = True
        await until(lambda: told == ["up", "down", "up"])
    assert taken == [], "the link's own questions are nobody's business"
