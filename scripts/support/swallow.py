"""A TCP proxy that can cut a connection the way a pulled cable does: silently."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

from support.ports import LOOPBACK

CHUNK = 16_384
"""Octets read at once. A direction holds back some of these itself; the rest waits in the system's socket
buffers, whose size the system bounds."""

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER on, zero seconds: closing the socket sends RST instead of FIN."""


class SwallowingProxy:
    """Passes every connection on to one target, until told otherwise.

    Belongs to the event loop it was started in. While it swallows, both sides stay connected and see nothing:
    no data, no end, no reset. What was sent meanwhile is held back, as TCP itself would do, and arrives after
    `heal`.
    """

    def __init__(self, target_port: int, target_host: str = LOOPBACK) -> None:
        self._target = (target_host, target_port)
        self._server: asyncio.Server | None = None
        self._passing = asyncio.Event()
        self._passing.set()
        self._connections: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._port: int | None = None

    @property
    def port(self) -> int:
        """The loopback port to connect to.

        Raises:
            RuntimeError: the proxy was not started.
        """
        if self._port is None:
            raise RuntimeError("start the proxy before asking for its port")
        return self._port

    async def start(self) -> None:
        """Listen on a free loopback port."""
        self._server = await asyncio.start_server(self._accept, LOOPBACK, 0, limit=CHUNK)
        self._port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Reset all connections and stop listening."""
        if self._server is not None:
            self._server.close()
        self.reset()
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    def swallow(self) -> None:
        """Pass nothing on from now on. New connections are accepted and stay silent."""
        self._passing.clear()

    def heal(self) -> None:
        """Pass on again, beginning with what was held back."""
        self._passing.set()

    def reset(self) -> None:
        """Send RST on every connection, to both ends. New connections are treated as before."""
        for writer in tuple(self._writers):
            connected = writer.get_extra_info("socket")
            if connected is not None:
                with contextlib.suppress(OSError):
                    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._passing.wait()
            onward_reader, onward_writer = await asyncio.open_connection(*self._target, limit=CHUNK)
            self._writers.add(onward_writer)
            try:
                async with asyncio.TaskGroup() as directions:
                    directions.create_task(self._pass_on(reader, onward_writer))
                    directions.create_task(self._pass_on(onward_reader, writer))
            finally:
                self._writers.discard(onward_writer)
                onward_writer.close()
        except (OSError, ExceptionGroup):
            # One end is gone or cannot be reached: the other must see an abrupt end too.
            writer.transport.abort()
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK):
                await self._passing.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            # The end of one side is news as well: held back like the data.
            await self._passing.wait()
            raise
        await self._passing.wait()
        if writer.can_write_eof():
            writer.write_eof()
