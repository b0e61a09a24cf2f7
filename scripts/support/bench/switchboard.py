"""The XMPP server, the boxes and the providers of ``scripts/bench roster``, in one program that does next to
nothing: what is measured is the hub, and a real server would take a core beside it.

Components come to it (XEP-0114); what one sends to another's domain is handed over. Every box and every
provider answers presence with its own; a box answers each request at once. It says on standard output how
many presences have reached providers.

``python -m support.bench.switchboard PORT BOXES PROVIDERS``; on standard input the XML of the answer.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from dataclasses import dataclass, field

from support.bench.component import STREAMS
from support.bench.stanzas import Splitter
from support.ports import LOOPBACK

TELL_EVERY = 0.2
"""Seconds between two lines of how many have come."""
AVAILABLE, UNAVAILABLE = "available", "unavailable"


def domain_in(jid: bytes) -> bytes:
    """The domain of an address."""
    return jid.partition(b"/")[0].rpartition(b"@")[2]


@dataclass(slots=True)
class Switchboard:
    """What all its links share."""

    boxes: bytes
    providers: bytes
    answer: bytes
    links: dict[bytes, asyncio.WriteTransport] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)

    def take(self, kind: bytes, attributes: dict[bytes, bytes], inner: bytes) -> bytes:
        """Hand a stanza over, or return what is answered to the link it came from."""
        sender, to, type_ = attributes[b"from"], attributes[b"to"], attributes.get(b"type", b"")
        domain = domain_in(to)
        if domain in (self.boxes, self.providers):
            if kind == b"iq" and type_ in (b"get", b"set"):
                return b'<iq type="result" id="%b" from="%b" to="%b">%b</iq>' % (
                    attributes[b"id"], to, sender, self.answer,
                )  # fmt: skip
            if kind != b"presence":
                return b""
            if b"@" in sender and domain == self.providers:  # of a heat pump
                self.told[UNAVAILABLE if type_ else AVAILABLE] += 1
            elif not type_ and b"@" not in sender:  # of the hub
                session = b"/desk1" if domain == self.providers else b""
                return b'<presence from="%b%b" to="%b"/>' % (to, session, sender)
            return b""
        link = self.links.get(domain)
        if link is not None:
            said = b"".join(b' %b="%b"' % one for one in attributes.items())
            link.write(b"<%b%b>%b</%b>" % (kind, said, inner, kind))
        return b""


class Link(asyncio.Protocol):
    """One component."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard
        self._splitter = Splitter()
        self._head = b""
        self._in = False
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It has connected."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Let it in, whatever its secret; then route."""
        if not self._in:
            data = self._greet(data)
        out = [self._switchboard.take(*stanza) for stanza in self._splitter.feed(data)]
        self._transport.write(b"".join(out))

    def _greet(self, data: bytes) -> bytes:
        before, self._head = self._head, self._head + data
        if b">" in self._head and b">" not in before:
            domain = self._head.partition(b'to="')[2].partition(b'"')[0]
            self._switchboard.links[domain] = self._transport
            self._transport.write(
                f"<stream:stream xmlns='jabber:component:accept' xmlns:stream='{STREAMS}' id='1'>".encode()
            )
        _, ended, rest = self._head.partition(b"</handshake>")
        if ended:
            self._in = True
            self._transport.write(b"<handshake/>")
        return rest


async def _run(port: int, boxes: str, providers: str) -> None:
    switchboard = Switchboard(boxes.encode(), providers.encode(), sys.stdin.readline().strip().encode())
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Link(switchboard), LOOPBACK, port)
    print("ready", flush=True)
    said: dict[str, int] = {}
    async with server:
        while True:
            await asyncio.sleep(TELL_EVERY)
            if said != switchboard.told:
                said = dict(switchboard.told)
                print(f"told {said.get(AVAILABLE, 0)} {said.get(UNAVAILABLE, 0)}", flush=True)


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1]), *sys.argv[2:4]))
