"""The boxes of ``scripts/bench collect`` say what a real box says."""

from __future__ import annotations

from xml.etree.ElementTree import fromstring

import pytest

from hub.history.asking import ask
from hub.history.events import Ask, Associated, Block, Done, Members, Request
from hub.history.quantities import QUANTITIES
from hub.history.reading import layout_of, sample_of, time_of
from iec61850_model.client.exchange import Exchange
from iec61850_model.client.reports import decode_report
from iec61850_model.mms.pdu import Payload, Unconfirmed
from iec61850_model.mms.xer import decode_payload, encode_payload, parse
from support.bench.calling import NoAnswer
from support.bench.reporting import INTERVAL, Boxes
from support.bench.stanzas import Splitter

BOX = "box000001@boxes.example.org/IEC"
COLLECTOR = "collector@history.hub.example.org/token"


class Line:
    """Carries a collector's requests to the boxes and their answers back."""

    def __init__(self, boxes: Boxes) -> None:
        self._boxes = boxes
        self._said: list[bytes] = []
        boxes.write = self._said.append

    async def request(self, peer: str, payload: Payload) -> Payload:
        body = encode_payload(payload)
        self._boxes.take(f'<iq type="get" id="1" from="{COLLECTOR}" to="{peer}">{body}</iq>'.encode())
        ((_, attributes, inner),) = Splitter().feed(self._said.pop())
        assert attributes[b"from"] == peer.encode()
        return decode_payload(parse(inner), strict=True)


async def enabled(line: Line, box: str) -> tuple[Members, str]:
    exchange = Exchange(line)
    associated = await ask(exchange, box, Ask(Request.ASSOCIATE, 1))
    block = await ask(exchange, box, Ask(Request.BLOCK, 1))
    assert isinstance(block, Block)
    members = await ask(exchange, box, Ask(Request.MEMBERS, 1, block.data_set))
    assert await ask(exchange, box, Ask(Request.ENTRY, 1, bytes(8))) == Done()
    assert await ask(exchange, box, Ask(Request.ENABLE, 1)) == Done()
    assert isinstance(members, Members)
    assert isinstance(associated, Associated)
    return members, associated.id


async def test_reports_are_those_of_a_real_box_one_interval_after_the_other() -> None:
    boxes = Boxes("boxes.example.org", 2)
    line = Line(boxes)
    await enabled(line, BOX.replace("1@", "0@"))
    assert not boxes.all_enabled.is_set()
    members, association = await enabled(line, BOX)
    assert boxes.all_enabled.is_set()
    layout = layout_of(members.references)
    seen = []
    for _ in range(4):
        message = fromstring(boxes.report(None))
        assert message.get("to") == COLLECTOR
        if message.get("from") != BOX:
            continue
        payload = decode_payload(message[0], strict=True)
        assert payload.association == association
        assert isinstance(payload.pdu, Unconfirmed)
        report = decode_report(payload.pdu.service)
        time = time_of(report, layout)
        assert time is not None
        sample = sample_of(report, layout, int(time))
        assert sample.good == len(QUANTITIES)
        assert report.entry_id is not None
        seen.append((report.seq_num, int.from_bytes(report.entry_id), time))
    (first_number, first_entry, first_time), second = seen
    assert first_number == 0
    assert second == (1, first_entry + 1, first_time + INTERVAL)


async def test_what_comes_back_ends_the_measurement() -> None:
    async def none() -> int:
        return 0

    boxes = Boxes("boxes.example.org", 1)
    await enabled(Line(boxes), BOX.replace("1@", "0@"))
    boxes.take(f'<message type="error" from="{COLLECTOR}" to="{BOX}"><error/></message>'.encode())
    with pytest.raises(NoAnswer, match="did not arrive; b'<error/>'"):
        await boxes.pour(None, none, 0.01)
