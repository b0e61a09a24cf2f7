"""The floor under the collector: a component that parses each stanza and drops it.

``python -m support.bench.dropping PORT DOMAIN FILE``, the component's secret on standard input. The first
8 octets of FILE are how many messages have come.
"""

from __future__ import annotations

import asyncio
import mmap
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from xml.etree.ElementTree import Element, XMLPullParser

from support.bench.component import STREAMS, connect

OCTETS = 8


class Dropper:
    """Counts messages into ``seen``."""

    def __init__(self, seen: mmap.mmap) -> None:
        self._seen = seen
        self._count = 0
        self._parser: XMLPullParser[Element] = XMLPullParser(("start", "end"))
        self._parser.feed(
            f"<stream:stream xmlns='jabber:component:accept' xmlns:stream='{STREAMS}'>".encode()
        )
        self._depth = 0
        self._root: Element | None = None

    def take(self, data: bytes) -> None:
        """Drop what is complete."""
        self._parser.feed(data)
        for event, element in cast("Iterator[tuple[str, Element]]", self._parser.read_events()):
            if event == "start":
                if self._depth == 0:
                    self._root = element
                self._depth += 1
                continue
            self._depth -= 1
            if self._depth == 1 and self._root is not None:
                self._count += element.tag.endswith("}message")
                self._root.clear()
        self._seen[:OCTETS] = self._count.to_bytes(OCTETS)


async def _run(port: int, domain: str, file: Path) -> None:
    secret = sys.stdin.readline().strip()
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), OCTETS) as seen:
        component = await connect(domain, secret, port, Dropper(seen).take)
        print("ready", flush=True)
        await component.closed


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
