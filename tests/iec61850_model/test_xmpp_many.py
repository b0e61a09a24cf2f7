"""One request to many and the list of who they are, stanza by stanza, over a connection that remembers."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from iec61850_model.mms.xer import MalformedPdu, encode_payload
from iec61850_model.xmpp import Connection, Items, Many, NotConnected, RequestTimeout, StanzaError, XmppError
from iec61850_model.xmpp import items as items_module
from tests.iec61850_model.test_xmpp_channel import (
    ANSWER,
    ITEM_NOT_FOUND,
    READ,
    REPORT,
    REQUEST,
    US,
    VALUES,
    Wire,
)

GROUP = "north@hub.example.org"
HP = "hp000{}@hub.example.org/IEC"


@pytest.fixture
def wire() -> Wire:
    return Wire()


def many(wire: Wire) -> Many:
    return Many(cast("Connection", wire), lambda peer: peer.endswith("@hub.example.org/IEC") or peer == GROUP)


async def test_each_answer_with_the_id_is_taken_with_who_gave_it(wire: Wire) -> None:
    with many(wire).ask(GROUP, READ) as answers:
        asked = wire.last
        assert (asked.tag, asked.get("type"), asked.get("to")) == ("{jabber:client}message", "normal", GROUP)
        id_ = asked.get("id", "")
        assert wire.arrives("message", encode_payload(VALUES), from_=HP.format(1), to=US, id=id_)
        assert wire.arrives("message", ITEM_NOT_FOUND, from_=HP.format(2), to=US, id=id_, type="error")
        assert wire.arrives("message", encode_payload(READ), from_=HP.format(3), to=US, id=id_)
        assert wire.arrives("message", "<body>hi</body>", from_=HP.format(4), to=US, id=id_)
        assert await answers.next(9) == (HP.format(1), VALUES)
        sender, error = await answers.next(9)
        assert isinstance(error, StanzaError)
        assert (sender, error.condition) == (HP.format(2), "item-not-found")
        for number in (3, 4):
            sender, error = await answers.next(9)
            assert sender == HP.format(number)
            assert isinstance(error, MalformedPdu)
        with pytest.raises(RequestTimeout):
            await answers.next(0.01)


async def test_what_has_another_id_or_came_to_another_or_from_elsewhere_is_no_answer(wire: Wire) -> None:
    asker = many(wire)
    with asker.ask(GROUP, READ) as answers:
        id_ = wire.last.get("id", "")
        body = encode_payload(VALUES)
        assert not wire.arrives("message", body, from_=HP.format(1), to=US, id="other")
        assert not wire.arrives("iq", body, from_=HP.format(1), to=US, id=id_, type="result")
        assert wire.arrives("message", body, from_="evil@elsewhere.example/IEC", to=US, id=id_)
        assert wire.arrives("message", body, from_=HP.format(1), to="agg@aggregator.example/other", id=id_)
        with pytest.raises(RequestTimeout):
            await answers.next(0.01)
    assert wire.arrives("message", body, from_=HP.format(1), to=US, id=id_), "late: nobody else's business"


async def test_two_requests_at_once_have_each_their_answers(wire: Wire) -> None:
    asker = many(wire)
    with asker.ask(GROUP, READ) as first, asker.ask(GROUP, READ) as second:
        ids = [one.get("id", "") for one in wire.sent]
        assert len(set(ids)) == 2
        for number, id_ in enumerate(ids):
            wire.arrives("message", encode_payload(VALUES), from_=HP.format(number), to=US, id=id_)
        assert (await first.next(9))[0] == HP.format(0)
        assert (await second.next(9))[0] == HP.format(1)


async def test_when_the_link_breaks_there_will_be_no_more(wire: Wire) -> None:
    asker = many(wire)
    with asker.ask(GROUP, READ) as answers:
        for lost in wire.on_offline:
            lost("cut")
        with pytest.raises(NotConnected, match="carried out or not"):
            await answers.next(9)
    wire.online = False
    with pytest.raises(NotConnected), asker.ask(GROUP, READ):
        pass


@pytest.mark.parametrize("payload", [REQUEST, ANSWER, REPORT])
async def test_only_what_many_can_answer_is_asked(wire: Wire, payload: object) -> None:
    with pytest.raises(ValueError, match="not sent to many"), many(wire).ask(GROUP, payload):  # type: ignore[arg-type]  # any PDU
        pass
    assert wire.sent == []


# --- who is in it ----------------------------------------------------------------------------------


def page(*jids: str, last: str = "") -> str:
    listed = "".join(f'<item jid="{jid}"/>' for jid in jids)
    end = f"<first>x</first><last>{last}</last>" if last else ""
    return (
        f'<query xmlns="http://jabber.org/protocol/disco#items">{listed}'
        f'<set xmlns="http://jabber.org/protocol/rsm">{end}<count>9</count></set></query>'
    )


async def asked(wire: Wire, number: int) -> tuple[str, str]:
    """The id and the body of the request ``number``, once it is sent."""
    for _ in range(5):
        await asyncio.sleep(0)
    request = wire.sent[number]
    after = request.find(".//{http://jabber.org/protocol/rsm}after")
    return request.get("id", ""), "" if after is None else after.text or ""


async def test_a_list_is_read_page_by_page_to_its_end(wire: Wire) -> None:
    listing = asyncio.ensure_future(Items(cast("Connection", wire)).of(GROUP, 9))
    for number, (after, body) in enumerate(
        [("", page("a@h", "b@h", last="b")), ("b", page("c@h", last="c")), ("c", page())]
    ):
        id_, behind = await asked(wire, number)
        assert behind == after
        assert wire.arrives("iq", body, from_="other@hub.example.org", id=id_, type="result"), "not asked"
        assert wire.arrives("iq", body, from_=GROUP, id=id_, type="result")
    assert await listing == ["a@h", "b@h", "c@h"]


async def test_a_list_that_changes_at_the_end_of_a_page_is_read_anew(wire: Wire) -> None:
    listing = asyncio.ensure_future(Items(cast("Connection", wire)).of(GROUP, 9))
    for number in range(0, 2 * items_module.ATTEMPTS, 2):
        id_, behind = await asked(wire, number)
        assert behind == ""
        wire.arrives("iq", page("a@h", last="a"), from_=GROUP, id=id_, type="result")
        id_, behind = await asked(wire, number + 1)
        assert behind == "a"
        wire.arrives("iq", ITEM_NOT_FOUND, from_=GROUP, id=id_, type="error")
    with pytest.raises(StanzaError, match="item-not-found"):
        await listing


async def test_a_list_may_come_whole(wire: Wire) -> None:
    listing = asyncio.ensure_future(Items(cast("Connection", wire)).of(GROUP, 9))
    id_, _ = await asked(wire, 0)
    body = '<query xmlns="http://jabber.org/protocol/disco#items"><item jid="a@h"/></query>'
    wire.arrives("iq", body, from_=GROUP, id=id_, type="result")
    assert await listing == ["a@h"]


async def test_a_list_that_does_not_exist_or_come_or_end_is_an_error(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = Items(cast("Connection", wire))
    listing = asyncio.ensure_future(lists.of(GROUP, 9))
    id_, _ = await asked(wire, 0)
    wire.arrives("iq", ITEM_NOT_FOUND, from_=GROUP, id=id_, type="error")
    with pytest.raises(StanzaError, match="item-not-found"):
        await listing
    with pytest.raises(RequestTimeout):
        await lists.of(GROUP, 0.01)
    monkeypatch.setattr(items_module, "MAX_ITEMS", 2)
    listing = asyncio.ensure_future(lists.of(GROUP, 9))
    id_, _ = await asked(wire, 2)
    wire.arrives("iq", page("a@h", "b@h", "c@h", last="c"), from_=GROUP, id=id_, type="result")
    with pytest.raises(XmppError, match="more than 2 items"):
        await listing
    listing = asyncio.ensure_future(lists.of(GROUP, 9))
    await asked(wire, 3)
    for lost in wire.on_offline:
        lost("cut")
    with pytest.raises(NotConnected):
        await listing
