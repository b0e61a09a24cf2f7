"""The channel's judgement, stanza by stanza, over a connection that only remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, cast
from xml.etree.ElementTree import Element, fromstring

import pytest

from iec61850_model.mms.pdu import (
    ConfirmedRequest,
    ConfirmedResponse,
    Data,
    GetNameListRequest,
    GetNameListResponse,
    InformationReport,
    ObjectClass,
    ObjectName,
    ObjectScope,
    Payload,
    ReadRequest,
    ReadResponse,
    Reject,
    RejectReason,
    Unconfirmed,
    VariableList,
    WriteRequest,
)
from iec61850_model.mms.xer import NS82, MalformedPdu, encode_payload
from iec61850_model.xmpp import Channel, Connection, NotConnected, RequestTimeout, StanzaError
from iec61850_model.xmpp.channel import MAX_SERVED

BOX, US = "hp0001@hub.example.org/IEC", "agg@aggregator.example/desk"
REQUEST = Payload(ConfirmedRequest(1, GetNameListRequest(ObjectClass.DOMAIN, ObjectScope.VMD)))
ANSWER = Payload(ConfirmedResponse(1, GetNameListResponse(("MET",), more_follows=False)))
REPORT = Payload(Unconfirmed(InformationReport(VariableList((ObjectName("LastApplError"),)), ())))
ITEM_NOT_FOUND = (
    '<error type="cancel"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>'
    '<text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">box0001@boxes.example.org is unknown</text></error>'
)


class Wire:
    """A connection that keeps what is sent and takes what a test lets arrive."""

    def __init__(self) -> None:
        self.sent: list[Element] = []
        self.stanza_handlers: list[Callable[[Element], bool]] = []
        self.on_offline: list[Callable[[str], None]] = []
        self.jid = US
        self.online = True

    def send(self, stanza: str) -> None:
        if not self.online:
            raise NotConnected("offline")
        self.sent.append(fromstring(f'<stream xmlns="jabber:client">{stanza}</stream>')[0])

    def arrives(self, kind: str, body: str, **attributes: str) -> bool:
        if "from_" in attributes:
            attributes["from"] = attributes.pop("from_")
        element = fromstring(f'<stream xmlns="jabber:client"><{kind}>{body}</{kind}></stream>')[0]
        for name, value in attributes.items():
            element.set(name, value)
        return any(handler(element) for handler in self.stanza_handlers)

    @property
    def last(self) -> Element:
        return self.sent[-1]


@pytest.fixture
def wire() -> Wire:
    return Wire()


def channel(wire: Wire, **handlers: Any) -> Channel:
    return Channel(cast("Connection", wire), **handlers)


async def asked(wire: Wire, over: Channel, timeout: float = 5) -> tuple[asyncio.Task[Payload], str]:
    """A request under way, and its id."""
    task = asyncio.ensure_future(over.request(BOX, REQUEST, timeout))
    await asyncio.sleep(0)
    return task, wire.last.get("id", "")


async def test_an_answer_counts_only_from_the_one_who_was_asked(wire: Wire) -> None:
    over = channel(wire)
    task, identity = await asked(wire, over)
    body = encode_payload(ANSWER)
    for stranger in ("hp0002@hub.example.org/IEC", "hp0001@hub.example.org", "evil@example.org/IEC", ""):
        assert wire.arrives("iq", body, type="result", id=identity, from_=stranger)
    wire.arrives("iq", body, type="result", id="guess", from_=BOX)
    await asyncio.sleep(0)
    assert not task.done()
    wire.arrives("iq", body, type="result", id=identity, from_=BOX)
    assert await task == ANSWER


async def test_an_error_is_its_condition_alone(wire: Wire) -> None:
    task, identity = await asked(wire, channel(wire))
    wire.arrives("iq", ITEM_NOT_FOUND, type="error", id=identity, from_=BOX)
    with pytest.raises(StanzaError) as raised:
        await task
    assert (raised.value.condition, raised.value.type) == ("item-not-found", "cancel")
    assert "boxes.example.org" not in str(raised.value)


@pytest.mark.parametrize("body", ["", "<x xmlns='urn:example'/>", f'<nonsense xmlns="{NS82}"/>'])
async def test_an_answer_without_a_pdu_is_malformed(wire: Wire, body: str) -> None:
    task, identity = await asked(wire, channel(wire))
    wire.arrives("iq", body, type="result", id=identity, from_=BOX)
    with pytest.raises(MalformedPdu):
        await task


async def test_a_late_answer_disturbs_nobody(wire: Wire) -> None:
    over = channel(wire)
    task, identity = await asked(wire, over, 0.01)
    with pytest.raises(RequestTimeout):
        await task
    assert wire.arrives("iq", encode_payload(ANSWER), type="result", id=identity, from_=BOX)


async def test_what_was_asked_when_the_link_broke_is_uncertain(wire: Wire) -> None:
    task, _ = await asked(wire, channel(wire))
    for callback in wire.on_offline:
        callback("cut")
    with pytest.raises(NotConnected, match="may have been carried out or not"):
        await task


async def test_only_requests_are_asked_and_only_of_jids(wire: Wire) -> None:
    over = channel(wire)
    with pytest.raises(ValueError, match="not a request"):
        await over.request(BOX, ANSWER)
    for nobody in ("", "a@b@c", "@hub.example.org"):
        with pytest.raises(ValueError, match="JID"):
            await over.request(nobody, REQUEST)
    assert wire.sent == []


async def test_nothing_in_an_address_or_id_becomes_markup(wire: Wire) -> None:
    channel(wire, on_request=lambda peer, payload, octets: (ANSWER,))
    sender, identity = "evil@example.org/'\"><x>&", "\"/><presence to='all'/>\n\t&amp;"
    wire.arrives("iq", encode_payload(REQUEST), type="get", id=identity, from_=sender)
    assert len(wire.sent) == 1
    assert (wire.last.get("to"), wire.last.get("id")) == (sender, identity)


async def test_a_message_that_was_stored_on_the_way_is_not_acted_on(wire: Wire) -> None:
    requests: list[str] = []
    messages: list[str] = []
    channel(
        wire,
        on_request=lambda peer, payload, octets: requests.append(peer) or (),
        on_message=lambda peer, payload: messages.append(peer),
    )
    delay = '<delay xmlns="urn:xmpp:delay" stamp="2026-11-23T00:00:00Z"/>'
    for body in (encode_payload(REPORT), encode_payload(REQUEST)):
        assert wire.arrives("message", body + delay, from_=BOX, to=US)
        assert wire.arrives("message", body, from_=BOX, to="agg@aggregator.example/other")
        assert wire.arrives("message", body, from_=BOX, to="agg@aggregator.example")
    assert (requests, messages) == ([], [])
    wire.arrives("message", encode_payload(REPORT), from_=BOX, to=US)
    assert messages == [BOX]


READ = Payload(ConfirmedRequest(1, ReadRequest(VariableList((ObjectName("MMXU1$MX$TotW", "MET"),)))))
VALUES = Payload(ConfirmedResponse(1, ReadResponse((Data("boolean", True),))))


async def test_a_request_by_message_is_answered_by_message_with_its_id(wire: Wire) -> None:
    channel(wire, on_request=lambda peer, payload, octets: (REPORT, VALUES))
    wire.arrives("message", encode_payload(READ), from_=BOX, to=US, id="g&1")
    told, answered = wire.sent
    assert [one.tag for one in (told, answered)] == ["{jabber:client}message"] * 2
    assert told.get("id") not in ("g&1", None), "what goes ahead is no answer"
    assert (answered.get("id"), answered.get("to"), answered.get("type")) == ("g&1", BOX, "normal")


async def test_a_request_by_message_without_id_is_answered_under_our_own(wire: Wire) -> None:
    channel(wire, on_request=lambda peer, payload, octets: (VALUES,))
    wire.arrives("message", encode_payload(READ), from_=BOX, to=US)
    assert wire.last.get("id")


async def test_what_is_not_for_many_is_not_served_by_message(wire: Wire) -> None:
    channel(wire, on_request=lambda peer, payload, octets: (ANSWER,))
    wire.arrives("message", encode_payload(REQUEST), from_=BOX, to=US, id="g1")
    (refused,) = wire.sent
    assert (refused.tag, refused.get("type"), refused.get("id")) == ("{jabber:client}message", "error", "g1")
    assert refused[0][0].tag == "{urn:ietf:params:xml:ns:xmpp-stanzas}bad-request"
    wire.arrives("message", encode_payload(REQUEST), from_=BOX, to=US)
    assert len(wire.sent) == 1, "an error without an id would be no answer"


async def test_a_request_by_message_that_fails_is_answered_by_an_error(wire: Wire) -> None:
    def fails(peer: str, payload: object, octets: int) -> Iterable[Payload]:
        raise RuntimeError("broken")

    channel(wire, on_request=fails)
    wire.arrives("message", encode_payload(READ), from_=BOX, to=US, id="g1")
    assert wire.last.tag == "{jabber:client}message"
    assert wire.last[0][0].tag == "{urn:ietf:params:xml:ns:xmpp-stanzas}internal-server-error"


async def test_a_reject_answers_the_iq_and_a_second_answer_does_not(wire: Wire) -> None:
    reject = Payload(Reject(RejectReason.INVALID_PDU))
    channel(wire, on_request=lambda peer, payload, octets: (reject, ANSWER))
    wire.arrives("iq", encode_payload(REQUEST), type="get", id="1", from_=BOX)
    assert [stanza.get("type") for stanza in wire.sent] == ["result"]


async def test_more_work_than_can_be_done_is_refused_at_once(wire: Wire) -> None:
    release = asyncio.Event()

    async def slow() -> Iterable[Payload]:
        await release.wait()
        return (ANSWER,)

    channel(wire, on_request=lambda peer, payload, octets: slow())
    for number in range(MAX_SERVED + 3):
        wire.arrives("iq", encode_payload(REQUEST), type="get", id=str(number), from_=BOX)
    assert [stanza.get("type") for stanza in wire.sent] == ["error"] * 3
    condition = wire.last[0][0].tag
    assert condition == "{urn:ietf:params:xml:ns:xmpp-stanzas}resource-constraint"
    release.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert [stanza.get("type") for stanza in wire.sent] == ["error"] * 3 + ["result"] * MAX_SERVED


async def test_an_answer_that_cannot_be_written_is_an_error(wire: Wire) -> None:
    broken = Payload(ConfirmedResponse(1, ReadResponse((Data("visible-string", "ä"),))))
    channel(wire, on_request=lambda peer, payload, octets: (broken,))
    wire.arrives("iq", encode_payload(REQUEST), type="get", id="1", from_=BOX)
    assert [stanza.get("type") for stanza in wire.sent] == ["error"]


async def test_answers_of_a_lost_link_are_dropped(wire: Wire) -> None:
    def serve(peer: str, payload: object, octets: int) -> tuple[Payload]:
        wire.online = False
        return (ANSWER,)

    channel(wire, on_request=serve)
    assert wire.arrives("iq", encode_payload(REQUEST), type="get", id="1", from_=BOX)
    wire.online = True
    assert wire.sent == []


async def test_what_is_not_ours_is_left_alone(wire: Wire) -> None:
    channel(wire, on_request=lambda peer, payload, octets: (ANSWER,))
    assert not wire.arrives("iq", "<ping xmlns='urn:xmpp:ping'/>", type="get", id="1", from_=BOX)
    assert not wire.arrives("iq", "", type="result", id="slixmpp-1", from_=BOX)
    assert not wire.arrives("message", "<body>hello</body>", from_=BOX)
    assert not wire.arrives("message", "", type="error", id="other", from_=BOX)
    assert not wire.arrives("presence", "", from_=BOX)


async def test_who_only_asks_does_not_serve(wire: Wire) -> None:
    channel(wire)
    assert not wire.arrives("iq", encode_payload(REQUEST), type="get", id="1", from_=BOX)


async def test_a_write_travels_as_set(wire: Wire) -> None:
    write = Payload(
        ConfirmedRequest(
            1, WriteRequest(VariableList((ObjectName("A$SP$B", "MET"),)), (Data("boolean", True),))
        )
    )
    over = channel(wire)
    task = asyncio.ensure_future(over.request(BOX, write))
    await asyncio.sleep(0)
    assert wire.last.get("type") == "set"
    task.cancel()
