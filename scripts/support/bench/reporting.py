"""The boxes' end of the collector: one component that is all boxes of a domain and reports for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter

from iec61850_model.mms.xer import parse
from support.bench.calling import PATIENCE, NoAnswer
from support.bench.filling import box_local
from support.bench.pattern_box import PatternBox
from support.bench.stanzas import Splitter

INTERVAL = 300
"""Seconds of an average."""
YEAR = 31_536_000
WINDOW = 2_000
"""Reports on their way at once: below the collector's 5,000, above which it gives them back."""
LOOK = 0.02
"""Seconds between two looks at how many have arrived."""
AT_ONCE = 50
"""Reports of one write."""
Arrived = Callable[[], Awaitable[int]]


@dataclass(slots=True)
class _Box:
    jid: bytes
    association: bytes = b"1:1"
    seq: int = 0
    entry: int = 1 << 32
    time: int = 0


class Boxes:
    """``write`` sends; ``all_enabled``: the collector has enabled the reports of each."""

    def __init__(self, domain: str, count: int) -> None:
        self.write: Callable[[bytes], None] = lambda _: None
        self.all_enabled = asyncio.Event()
        self._enabled: set[bytes] = set()
        self.refused = b""
        """What came back where nothing should."""
        start = int(time.time()) // INTERVAL * INTERVAL - YEAR
        jids = [f"{box_local(number)}@{domain}/IEC".encode() for number in range(count)]
        self._boxes = {jid: _Box(jid, time=start) for jid in jids}
        self._order = list(self._boxes.values())
        self._next = 0
        self._pattern = PatternBox()
        self._splitter = Splitter()
        self._collector = b""

    def __len__(self) -> int:
        return len(self._order)

    def begin(self) -> None:
        """A new collector comes."""
        self._enabled.clear()
        self.all_enabled = asyncio.Event()

    # --- what comes -------------------------------------------------------------------------------

    def take(self, data: bytes) -> None:
        """Octets from the server."""
        out = []
        for kind, attributes, inner in self._splitter.feed(data):
            sender, to, type_ = attributes[b"from"], attributes[b"to"], attributes.get(b"type", b"")
            if kind == b"presence" and not type_:
                out.append(b'<presence from="%b" to="%b"/>' % (to, sender))
            elif kind == b"iq" and type_ in (b"get", b"set"):
                answer = self._answer(self._boxes[to], sender, inner)
                head = b'<iq type="result" id="%b" from="%b" to="%b">' % (attributes[b"id"], to, sender)
                out.append(head + answer + b"</iq>")
            elif kind == b"message" or type_ == b"error":
                self.refused = inner[:300] or type_
        if out:
            self.write(b"".join(out))

    def _answer(self, box: _Box, collector: bytes, body: bytes) -> bytes:
        element = parse(body)
        answer, enables = self._pattern.answer(element)
        box.association = element.get("assoID", "").encode()
        if enables:
            self._collector = collector
            self._enabled.add(box.jid)
            if len(self._enabled) == len(self._order):
                self.all_enabled.set()
            box.seq = 0
            if not self._pattern.report:
                self._pattern.make_report()
        return answer.encode()

    # --- what goes --------------------------------------------------------------------------------

    async def pour(self, to: bytes | None, arrived: Arrived, seconds: float) -> tuple[int, float]:
        """Report for ``seconds`` with WINDOW on their way, to the collector or another address.

        Returns how many were reported, and the seconds until the last has arrived. Raises NoAnswer if
        something comes back, or not all arrive.
        """
        sent, begun = 0, perf_counter()
        before = await arrived()
        end = begun + seconds
        while (now := perf_counter()) < end:
            if sent - (await arrived() - before) < WINDOW:
                self.write(b"".join(self.report(to) for _ in range(AT_ONCE)))
                sent += AT_ONCE
                await asyncio.sleep(0)
            else:
                await asyncio.sleep(LOOK)
        while (done := await arrived() - before) < sent:
            if self.refused or now > end + PATIENCE:
                raise NoAnswer(f"{sent - done} of {sent} reports did not arrive; {self.refused!r}")
            await asyncio.sleep(LOOK)
            now = perf_counter()
        return sent, perf_counter() - begun

    def report(self, to: bytes | None) -> bytes:
        """The next report of the next box: to its collector, or the same to another address."""
        box = self._order[self._next]
        self._next = (self._next + 1) % len(self._order)
        first, second, third, fourth, rest = self._pattern.report
        inner = (
            b"%b%b%b%d%b%016X%b%08X0000000A%b"
            % (first, box.association, second, box.seq, third, box.entry, fourth, box.time, rest)
        )  # fmt: skip
        if to is None:
            to = self._collector
            box.seq += 1
            box.entry += 1
            box.time += INTERVAL
        return b'<message type="normal" id="r" from="%b" to="%b">%b</message>' % (box.jid, to, inner)
