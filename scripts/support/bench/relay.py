"""The floor under the router: a component that parses each stanza, changes its addresses and sends it on.

It judges nothing, decodes nothing and sends a payload that was made beforehand, of the same size as the one
that came. Nothing that speaks XMPP in asyncio and ElementTree has less to do.

``python -m support.bench.relay PORT DOMAIN BOXES PROVIDER_ALIAS PROVIDER_JID``; on standard input, each on a
line, the component's secret and the XML of requests to read and to write and of answers to them.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import cast
from xml.etree.ElementTree import Element, XMLPullParser

from support.bench.component import STREAMS, Component, connect


class Relay:
    """Carries requests to the boxes' domain and answers back."""

    def __init__(self, domain: str, boxes: str, alias: str, provider: str, payloads: list[str]) -> None:
        self._domain, self._boxes, self._alias, self._provider = domain, boxes, alias, provider
        self._requests = dict(zip(("get", "set"), payloads[:2], strict=True))
        self._read_answer, self._write_answer = payloads[2:]
        self._parser: XMLPullParser[Element] = XMLPullParser(("start", "end"))
        self._parser.feed(
            f"<stream:stream xmlns='jabber:component:accept' xmlns:stream='{STREAMS}'>".encode()
        )
        self._depth = 0
        self._root: Element | None = None
        self.component: Component | None = None

    def take(self, data: bytes) -> None:
        """Send on what is complete."""
        self._parser.feed(data)
        for event, element in cast("Iterator[tuple[str, Element]]", self._parser.read_events()):
            if event == "start":
                if self._depth == 0:
                    self._root = element
                self._depth += 1
                continue
            self._depth -= 1
            if self._depth == 1 and self._root is not None:
                self._send_on(element)
                self._root.clear()

    def _send_on(self, element: Element) -> None:
        if not element.tag.endswith("}iq") or self.component is None:
            return
        get = element.attrib.get
        type_, id_, sender, to = get("type", ""), get("id"), get("from", ""), get("to", "")
        if type_ in self._requests:
            number = to.partition("@")[0].removeprefix("hp")
            resource = sender.partition("/")[2]
            sender, to = f"{self._alias}@{self._domain}/{resource}", f"box{number}@{self._boxes}/IEC"
            inner = self._requests[type_]
        else:
            number = sender.partition("@")[0].removeprefix("box")
            sender, to = f"hp{number}@{self._domain}/IEC", f"{self._provider}/{to.partition('/')[2]}"
            read = element.find(".//{*}listOfAccessResult") is not None
            inner = self._read_answer if read else self._write_answer
        self.component.write(f'<iq type="{type_}" id="{id_}" from="{sender}" to="{to}">{inner}</iq>'.encode())


async def _run(port: int, names: list[str]) -> None:
    secret, *payloads = (sys.stdin.readline().strip() for _ in range(5))
    domain, boxes, alias, provider = names
    relay = Relay(domain, boxes, alias, provider, payloads)
    relay.component = await connect(domain, secret, port, relay.take)
    print("ready", flush=True)
    await relay.component.closed


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1]), sys.argv[2:6]))
