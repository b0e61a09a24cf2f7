"""The proxy passes data on, cuts silently, heals, and resets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from support.ports import LOOPBACK
from support.swallow import SwallowingProxy

SILENCE = 0.2
"""Seconds without a word that show that nothing is passed on."""

PATIENCE = 10.0
"""Seconds within which everything that must happen happens, on a busy machine too."""


@pytest.fixture
async def proxy() -> AsyncIterator[SwallowingProxy]:
    """A proxy before a server that sends back what it gets, and closes when the client closes."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1000):
                writer.write(data)
                await writer.drain()
        except OSError:
            writer.transport.abort()
        writer.close()

    server = await asyncio.start_server(echo, LOOPBACK, 0)
    proxy = SwallowingProxy(server.sockets[0].getsockname()[1])
    await proxy.start()
    yield proxy
    await proxy.stop()
    server.close()


class Caller:
    """One connection through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def through(cls, proxy: SwallowingProxy) -> Caller:
        return cls(*await asyncio.open_connection(LOOPBACK, proxy.port))

    def says(self, words: bytes) -> None:
        self.writer.write(words)

    async def hears(self, words: bytes) -> None:
        async with asyncio.timeout(PATIENCE):
            assert await self.reader.readexactly(len(words)) == words

    async def hears_nothing(self) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SILENCE):
                await self.reader.read(1)


async def test_it_passes_on_in_both_directions_and_the_end_too(proxy: SwallowingProxy) -> None:
    caller = await Caller.through(proxy)
    caller.says(b"a" * 100_000)
    await caller.hears(b"a" * 100_000)
    caller.writer.write_eof()
    async with asyncio.timeout(PATIENCE):
        assert await caller.reader.read() == b""


async def test_while_it_swallows_nothing_arrives_and_after_healing_everything_does(
    proxy: SwallowingProxy,
) -> None:
    caller = await Caller.through(proxy)
    caller.says(b"before")
    await caller.hears(b"before")
    proxy.swallow()
    caller.says(b"during")
    await caller.hears_nothing()
    caller.says(b"still")
    proxy.heal()
    await caller.hears(b"duringstill")


async def test_an_end_is_swallowed_too(proxy: SwallowingProxy) -> None:
    caller = await Caller.through(proxy)
    caller.says(b"before")
    await caller.hears(b"before")
    proxy.swallow()
    caller.writer.write_eof()
    await caller.hears_nothing()
    proxy.heal()
    async with asyncio.timeout(PATIENCE):
        assert await caller.reader.read() == b""


async def test_a_connection_made_during_the_cut_is_silent_until_healing(proxy: SwallowingProxy) -> None:
    proxy.swallow()
    caller = await Caller.through(proxy)
    caller.says(b"anyone?")
    await caller.hears_nothing()
    proxy.heal()
    await caller.hears(b"anyone?")


async def test_it_holds_back_a_bounded_amount(proxy: SwallowingProxy) -> None:
    caller = await Caller.through(proxy)
    caller.says(b"before")
    await caller.hears(b"before")
    proxy.swallow()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SILENCE):
            while True:
                caller.says(b"x" * 1_000_000)
                await caller.writer.drain()
    caller.writer.transport.abort()


@pytest.mark.parametrize("cut", [False, True])
async def test_a_reset_reaches_the_caller_also_during_a_cut(proxy: SwallowingProxy, cut: bool) -> None:
    caller = await Caller.through(proxy)
    caller.says(b"before")
    await caller.hears(b"before")
    if cut:
        proxy.swallow()
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        async with asyncio.timeout(PATIENCE):
            await caller.reader.read(1)


async def test_a_target_that_refuses_ends_the_connection(proxy: SwallowingProxy) -> None:
    closed = await asyncio.start_server(lambda *_: None, LOOPBACK, 0)
    port = closed.sockets[0].getsockname()[1]
    closed.close()
    nowhere = SwallowingProxy(port)
    await nowhere.start()
    try:
        caller = await Caller.through(nowhere)
        async with asyncio.timeout(PATIENCE):
            assert await caller.reader.read(1) == b""
    finally:
        await nowhere.stop()


async def test_stopping_during_a_cut_leaves_nothing_open() -> None:
    quiet = await asyncio.start_server(lambda *_: None, LOOPBACK, 0)
    proxy = SwallowingProxy(quiet.sockets[0].getsockname()[1])
    await proxy.start()
    proxy.swallow()
    caller = await Caller.through(proxy)
    async with asyncio.timeout(PATIENCE):
        await proxy.stop()
        with pytest.raises(ConnectionResetError):
            await caller.reader.read(1)
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await Caller.through(proxy)
    quiet.close()


def test_a_proxy_that_was_not_started_has_no_port() -> None:
    with pytest.raises(RuntimeError, match="start the proxy"):
        _ = SwallowingProxy(1).port
