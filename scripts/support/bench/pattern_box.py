"""What a box says to the collector: asked of a real server once, then said by thousands of boxes."""

from __future__ import annotations

from dataclasses import replace
from xml.etree.ElementTree import Element

from hub.history.quantities import QUANTITIES
from iec61850_model.mms.pdu import (
    AccessResult,
    ConfirmedRequest,
    ConfirmedResponse,
    Data,
    InformationReport,
    InitiateRequest,
    Payload,
    RequestService,
    Unconfirmed,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.mms.xer import decode_payload, encode_payload
from iec61850_model.reference import Reference
from iec61850_model.scl import read_model
from iec61850_model.server import Effect, Incoming, Moment, Reply, Send, Server
from iec61850_model.tree import Update
from iec61850_model.values import GOOD, Timestamp
from support.scene import MODEL

NOW = 1_700_000_100.0
"""The pattern's clock stands at the end of an interval."""
PEER = "collector@history.hub.example.org/pattern"
_MARKS: dict[str, Data] = {
    "unsigned": Data("unsigned", 987_654_321),
    "octet-string": Data("octet-string", bytes.fromhex("C0FFEE00C0FFEE00")),
    "utc-time": Data("utc-time", Timestamp(0xC0FFEE01, 0xC0FFEE, 0x0A)),
}
"""Stand in the pattern where SqNum, EntryID and the time of the averages go: the first of their kinds."""
_ASSOCIATION = "998:997"


class PatternBox:
    """A box of the shipped model: its answers, and its report of the standard data set as octets."""

    def __init__(self) -> None:
        model = read_model(MODEL.read_bytes())
        self._tree = model.tree
        self._server = Server(model.tree, model.blocks)
        self._answers: dict[RequestService, Payload] = {}
        self._agreed: Payload | None = None
        self.report: list[bytes] = []
        """What stands before the association, SqNum, EntryID and time, and behind the last."""

    def answer(self, body: Element) -> tuple[str, bool]:
        """The answer to a request as XML, and whether it enabled the reports."""
        asked = decode_payload(body)
        if isinstance(asked.pdu, InitiateRequest):
            if self._agreed is None:
                self._agreed = self._ask(asked)
            return encode_payload(replace(self._agreed, association=f"{asked.association}:1")), False
        assert isinstance(asked.pdu, ConfirmedRequest), "the collector asks nothing else"
        service = asked.pdu.service
        if isinstance(service, WriteRequest) and self.report:
            return encode_payload(_done(asked)), _enables(service)
        if service not in self._answers:
            assert self._agreed is not None, "the collector associates first"
            self._answers[service] = self._ask(replace(asked, association=self._agreed.association))
        response = self._answers[service].pdu
        assert isinstance(response, ConfirmedResponse), f"{service} is refused: {response}"
        answer = Payload(replace(response, invoke_id=asked.pdu.invoke_id), asked.association)
        return encode_payload(answer), _enables(service)

    def _ask(self, asked: Payload) -> Payload:
        effects = self._server.handle(Incoming(PEER, 0, asked, 0), Moment(NOW))
        return next(effect.payload for effect in effects if isinstance(effect, Reply))

    def make_report(self) -> None:
        """Have new averages reported, once the reports are enabled, and keep the pattern of it."""
        time = Timestamp.from_unix(NOW)
        self._tree.update_all(
            Update(Reference.parse(one.reference), 1_000 if one.whole else 20.25 + one.bit, GOOD, time)
            for one in QUANTITIES
        )
        effects: list[Effect] = []
        while not effects:
            due = self._server.reports.next_tick()
            assert due is not None, "a report is due"
            effects = self._server.tick(Moment(max(due, NOW)))
        payload = next(effect.payload for effect in effects if isinstance(effect, Send))
        assert isinstance(payload.pdu, Unconfirmed)
        report = payload.pdu.service
        marked = replace(report, results=tuple(_marked(report)))
        text = encode_payload(Payload(Unconfirmed(marked), _ASSOCIATION))
        marks = (_ASSOCIATION, "987654321", "C0FFEE00C0FFEE00", "C0FFEE01C0FFEE0A")
        for mark in marks:
            before, found, text = text.partition(mark)
            assert found, f"{mark} is in the report, in this order"
            self.report.append(before.encode())
        self.report.append(text.encode())


def _done(asked: Payload) -> Payload:
    """What a box says to a collector that sets its block as it may; the pattern's own is enabled by now."""
    assert isinstance(asked.pdu, ConfirmedRequest)
    return Payload(ConfirmedResponse(asked.pdu.invoke_id, WriteResponse((None,))), asked.association)


def _marked(report: InformationReport) -> list[AccessResult]:
    results: list[AccessResult] = []
    marks = dict(_MARKS)
    for result in report.results:
        mark = marks.pop(result.tag, None) if isinstance(result, Data) else None
        results.append(result if mark is None else mark)
    assert not marks, "the report has an SqNum, an EntryID and a time"
    return results


def _enables(service: RequestService) -> bool:
    match service:
        case WriteRequest(_, (Data("boolean", True),)):
            return True
    return False
