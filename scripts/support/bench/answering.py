"""The boxes' end: a component that answers every request at once, and every presence with its own.
A request that came in a message is answered by one.

``python -m support.bench.answering PORT DOMAIN``; on standard input, each on a line, the component's secret
and the XML of the answers to get and to set.
"""

from __future__ import annotations

import asyncio
import sys

from support.bench.component import Component, connect
from support.bench.stanzas import Splitter


class Answerer:
    """Answers for every address of its domain."""

    def __init__(self, read_answer: bytes, write_answer: bytes) -> None:
        self._answers = {b"get": read_answer, b"set": write_answer}
        self._splitter = Splitter()
        self.component: Component | None = None

    def take(self, data: bytes) -> None:
        """Answer what is complete."""
        out = []
        for kind, attributes, inner in self._splitter.feed(data):
            sender, to = attributes[b"from"], attributes[b"to"]
            type_ = attributes.get(b"type", b"")
            if kind == b"iq" and type_ in self._answers:
                out.append(
                    b'<iq type="result" id="%b" from="%b" to="%b">%b</iq>'
                    % (attributes[b"id"], to, sender, self._answers[type_])
                )
            elif kind == b"message" and type_ in (b"", b"normal"):  # ejabberd leaves the usual one out
                answer = self._answers[b"get" if b"<read" in inner else b"set"]
                out.append(
                    b'<message type="normal" id="%b" from="%b" to="%b">%b</message>'
                    % (attributes[b"id"], to, sender, answer)
                )
            elif kind == b"presence" and not type_:
                out.append(b'<presence from="%b" to="%b"/>' % (to, sender))
        if out and self.component is not None:
            self.component.write(b"".join(out))


async def _run(port: int, domain: str) -> None:
    secret, read_answer, write_answer = (sys.stdin.readline().strip() for _ in range(3))
    answerer = Answerer(read_answer.encode(), write_answer.encode())
    answerer.component = await connect(domain, secret, port, answerer.take)
    print("ready", flush=True)
    await answerer.component.closed


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1]), sys.argv[2]))
