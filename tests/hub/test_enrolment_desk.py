"""Limits and answers of the enrolment component, as dialogues in time."""

from __future__ import annotations

from xml.etree.ElementTree import fromstring

import pytest

from hub.addresses import Jid
from hub.enrolment.desk import (
    ALL_GUESTS,
    BOX_SHARE,
    FIRST_DELAY,
    GUEST_SHARE,
    LAST_DELAY,
    MAX_HELD,
    MAX_IN_HAND,
    WRONG_COUNTS_FOR,
    Desk,
    Reply,
    Work,
)
from hub.stanzas import Stanza
from iec61850_model.enrolment.messages import (
    AskAuthorities,
    Authorities,
    Enrol,
    Issued,
    Renew,
    Request,
    decode_answer,
    encode_request,
)

HUB, GUESTS, BOXES = "hub.example.org", "guest.hub.example.org", "boxes.example.org"
ADDRESS = f"enrol.{HUB}"
BOX = f"box1@{BOXES}/IEC"
ENROL = Enrol(bytes(8), b"request", b"proof")
RENEW = Renew(0xABC, b"request", b"proof")


def guest(number: int = 1) -> str:
    return f"g{number}@{GUESTS}/r"


@pytest.fixture
def desk() -> Desk:
    return Desk(GUESTS, (BOXES,), (b"authority",))


def iq(sender: str, type_: str, inner: str) -> Stanza:
    head = f'<iq xmlns="jabber:component:accept" type="{type_}" id="1" from="{sender}" to="{ADDRESS}">'
    return Stanza.of(fromstring(f"{head}{inner}</iq>"))


def asks(sender: str, request: Request) -> Stanza:
    return iq(sender, request.type, encode_request(request))


def worked_on(desk: Desk, sender: str, request: Request, now: float = 0.0) -> Work:
    taken = desk.take(asks(sender, request), now)
    assert isinstance(taken, Work), taken
    return taken


def condition(reply: object) -> str:
    """The condition of an error that is sent; everything else in it is only the envelope."""
    assert isinstance(reply, Reply), reply
    element = fromstring(reply.xml)
    assert element.attrib.keys() == {"type", "id", "from", "to"} and element.attrib["type"] == "error"
    (error,) = element
    (only,) = error
    assert not only.text and not list(only)
    return only.tag.rpartition("}")[2]


def test_anybody_may_know_the_authorities(desk: Desk) -> None:
    reply = desk.take(asks(guest(), AskAuthorities()), 0.0)
    assert isinstance(reply, Reply)
    assert decode_answer(list(fromstring(reply.xml))) == Authorities((b"authority",))


def test_a_certificate_goes_to_who_asked(desk: Desk) -> None:
    work = worked_on(desk, guest(), ENROL)
    assert (work.asked, work.sender) == (ENROL, Jid.parse(guest()))
    issued = Issued("box1@boxes.example.org", HUB, f"history.{HUB}", b"certificate", (b"authority",))
    reply = desk.issued(work, issued)
    element = fromstring(reply.xml)
    assert (element.attrib["to"], element.attrib["id"], reply.after) == (guest(), "1", 0.0)
    assert decode_answer(list(element)) == issued
    assert desk.counts == {"issued": 1}


@pytest.mark.parametrize(
    "sender",
    ["control@aggregator.example/x", f"agg@{HUB}/x", f"box1@{BOXES}.evil.example/x", BOXES, GUESTS],
)
def test_only_guests_and_boxes_are_served(desk: Desk, sender: str) -> None:
    for request in (AskAuthorities(), ENROL, RENEW):
        assert condition(desk.take(asks(sender, request), 0.0)) == "service-unavailable"


def test_who_has_an_account_renews_and_does_not_enrol(desk: Desk) -> None:
    assert condition(desk.take(asks(BOX, ENROL), 0.0)) == "not-allowed"
    assert worked_on(desk, BOX, RENEW).asked == RENEW


@pytest.mark.parametrize(
    "inner",
    [
        "",
        "<enrol/>",
        encode_request(ENROL) * 2,
        encode_request(ENROL).replace("code=", "kode="),
        encode_request(ENROL).replace("0000", "00", 1),
        encode_request(ENROL).replace("<proof>", "<proof>*"),
        encode_request(ENROL).replace("<proof>", "<proof>" + "A" * 20_000),
        encode_request(ENROL).replace("<proof>", "<proof x='1'>"),
        encode_request(RENEW).replace("ABC", "A" * 41),
        encode_request(RENEW).replace("ABC", "-1"),
        encode_request(AskAuthorities()),
    ],
)
def test_what_is_not_as_agreed_is_told_so(desk: Desk, inner: str) -> None:
    assert condition(desk.take(iq(guest(), "set", inner), 0.0)) == "bad-request"


@pytest.mark.parametrize(
    "xml", ["<message/>", "<presence/>", "<iq type='result'/>", "<iq type='error'/>", "<iq/>"]
)
def test_what_needs_no_answer_gets_none(desk: Desk, xml: str) -> None:
    element = fromstring(xml)
    element.attrib |= {"from": guest(), "to": ADDRESS, "id": "1"}
    assert desk.take(Stanza.of(element), 0.0) is None


def test_every_refusal_is_the_same_and_comes_later_each_time(desk: Desk) -> None:
    delays, said = [], set()
    for number in range(10):
        work = worked_on(desk, guest(number), ENROL)
        reply = desk.refused(work, 0.0)
        delays.append(reply.after if reply else None)
        said.add(condition(reply))
        desk.told(work)
    assert delays[:3] == [FIRST_DELAY, 2 * FIRST_DELAY, 4 * FIRST_DELAY] and delays[-1] == LAST_DELAY
    assert said == {"not-authorized"}
    reply = desk.refused(worked_on(desk, guest(99), ENROL), WRONG_COUNTS_FOR)
    assert reply is not None and reply.after == FIRST_DELAY, "it is forgotten in time"


def test_who_waits_for_an_answer_may_not_ask_again(desk: Desk) -> None:
    work = worked_on(desk, guest(), ENROL)
    assert condition(desk.take(asks(guest(), ENROL), 0.0)) == "resource-constraint"
    desk.refused(work, 0.0)
    assert condition(desk.take(asks(guest(), ENROL), 0.0)) == "resource-constraint", (
        "its refusal is held back"
    )
    desk.told(work)
    worked_on(desk, guest(), ENROL)


def test_each_guest_has_a_share(desk: Desk) -> None:
    for _ in range(int(GUEST_SHARE.burst)):
        assert isinstance(desk.take(asks(guest(), AskAuthorities()), 0.0), Reply)
    assert condition(desk.take(asks(guest(), AskAuthorities()), 0.0)) == "resource-constraint"
    worked_on(desk, guest(2), ENROL)
    worked_on(desk, guest(), ENROL, now=1 / GUEST_SHARE.rate)


def test_all_guests_together_have_one_and_boxes_keep_theirs(desk: Desk) -> None:
    for number in range(int(ALL_GUESTS.burst)):
        desk.take(asks(guest(number), AskAuthorities()), 0.0)
    assert condition(desk.take(asks(guest(1000), ENROL), 0.0)) == "resource-constraint"
    for _ in range(int(BOX_SHARE.burst)):
        desk.issued(worked_on(desk, BOX, RENEW), Issued("a", "b", "c", b"d", ()))
    assert condition(desk.take(asks(BOX, RENEW), 0.0)) == "resource-constraint"


def test_what_is_worked_on_and_held_back_is_bounded(desk: Desk) -> None:
    works = [worked_on(desk, f"b{number}@{BOXES}/IEC", RENEW) for number in range(MAX_IN_HAND)]
    assert condition(desk.take(asks(BOX, RENEW), 0.0)) == "resource-constraint"
    desk.failed(works.pop())
    more = worked_on(desk, f"b99@{BOXES}/IEC", RENEW)
    for number in range(MAX_HELD):
        assert desk.refused(more, 0.0) is not None, number
    assert desk.refused(more, 0.0) is None, "nobody is told any more"
