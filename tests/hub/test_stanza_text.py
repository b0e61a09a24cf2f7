"""Stanzas read from their text alone are those that parsing gives, and the stream knows where one ends."""

from __future__ import annotations

import asyncio
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.component_stream import ComponentStream
from hub.stanza_text import recalled, remember
from hub.stanzas import Stanza
from iec61850_model.mms.pdu import ConfirmedRequest, ObjectName, Payload, ReadRequest, VariableList
from iec61850_model.mms.xer import decode_payload, encode_payload, shapes

HEAD = (
    b"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='s'>"
)
READ = Payload(ConfirmedRequest(7, ReadRequest(VariableList((ObjectName("MMXU1$MX$TotW", "MET"),)))), "1:2")
INNER = encode_payload(READ).replace('"', "'")
ENVELOPE = "to='hp1@hub.example/IEC' from='sp@agg.example/desk 1' type='get' id='b1'"
USUAL = f"<iq {ENVELOPE}>{INNER}</iq>"


@pytest.fixture(autouse=True)
def nothing_known() -> None:
    shapes._shapes.clear()


def parsed(text: str) -> Stanza:
    return Stanza.of(ElementTree.fromstring(f"<s xmlns='jabber:component:accept'>{text}</s>")[0], text)


def learn(text: str = USUAL) -> None:
    one = parsed(text)
    remember(one, decode_payload(one.children[0], strict=True))


def same(one: Stanza, other: Stanza) -> bool:
    return one[:5] == other[:5]


def test_a_usual_stanza_is_recalled_once_one_was_met() -> None:
    assert recalled(USUAL) is None
    learn()
    found = recalled(USUAL)
    assert found is not None
    assert same(found, parsed(USUAL))
    assert found.carried == (READ, encode_payload(READ))


@pytest.mark.parametrize(
    "text",
    [
        USUAL.replace("id='b1'", "id='b&amp;1'"),
        USUAL.replace("id='b1'", "id='b\t1'"),
        USUAL.replace("id='b1'", "id='bé'"),
        USUAL.replace("id='b1'", "id='b1' id='b2'"),
        USUAL.replace("id='b1'", "id='b1' xml:lang='en' xml:lang='de'"),
        USUAL.replace("id='b1'", "id='b1' xmlns='urn:other'"),
        USUAL.replace("id='b1'", "id='b1' other='1'"),
        USUAL.replace("<iq ", "<presence ").replace("</iq>", "</presence>"),
        USUAL.replace(INNER, INNER + INNER),
        USUAL.replace(INNER, INNER + " "),
        USUAL.replace(INNER, ""),
        f"<iq {ENVELOPE}/>",
        " " + USUAL,
    ],
)
def test_anything_odd_is_left_to_the_parser(text: str) -> None:
    learn()
    assert recalled(text) is None


def stream(taken: list[Stanza]) -> ComponentStream:
    one = ComponentStream("hub.example", "secret", taken.append, recalled)
    one.data_received(HEAD + b"<handshake/>")
    return one


def seen(one: Stanza) -> tuple[Any, ...]:
    """A stanza however it was read."""
    payload = one.carried.payload if one.carried else None
    if payload is None and len(one.children) == 1 and "61850" in one.children[0].tag:
        payload = decode_payload(one.children[0], strict=True)
    return (*one[:5], payload)


PIECES = (
    USUAL,
    USUAL.replace("b1", "b2").replace(">7<", ">8<"),
    f"<iq {ENVELOPE}><iq>x</iq></iq>",
    f"<iq {ENVELOPE}><iq>x</iq>{USUAL}</iq>",
    f"<iq {ENVELOPE}><a><![CDATA[</iq>]]></a></iq>",
    "<!-- </iq> -->",
    f"<!-- {USUAL} -->",
    f"<iq {ENVELOPE}/><!-- </iq>{USUAL} -->",
    "<?pi </iq>?>",
    f"<iq {ENVELOPE}><error/></iq>",
    f"<message {ENVELOPE}>{INNER}</message>",
    f"<message {ENVELOPE}/>",
    "<presence from='b@x/IEC' to='hub.example'/>",
    " \n ",
    f"<iq {ENVELOPE}><body>ä&lt;</body></iq>",
)


@given(texts=st.lists(st.sampled_from(PIECES), max_size=8), data=st.data())
@settings(max_examples=300, deadline=None)
def test_the_same_stanzas_come_out_with_parsing_alone_and_however_they_are_cut(
    texts: list[str], data: st.DataObject
) -> None:
    octets = "".join(texts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(octets)), max_size=6)))
    expected = [
        seen(Stanza.of(one))
        for one in ElementTree.fromstring(HEAD + octets + b"</stream:stream>")
        if one.tag.startswith("{jabber:component:accept}")
    ]

    async def run() -> list[Stanza]:
        taken: list[Stanza] = []
        receiving = stream(taken)
        for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True):
            receiving.data_received(octets[start:end])
        return taken

    learn()
    learn(f"<message {ENVELOPE}>{INNER}</message>")
    taken = asyncio.run(run())
    assert [seen(one) for one in taken] == expected
    assert all(seen(parsed(one.text)) == seen(one) for one in taken if one.text)


async def test_only_the_first_of_a_shape_is_parsed() -> None:
    taken: list[Stanza] = []
    receiving = stream(taken)
    receiving.data_received(b"<iq id='0'></iq>")
    receiving.data_received(USUAL.encode() * 2)
    remember(taken[1], decode_payload(taken[1].children[0], strict=True))
    receiving.data_received(USUAL.encode() * 3 + USUAL[:50].encode())
    receiving.data_received(USUAL[50:].encode() + USUAL.encode())
    assert [one.carried is None for one in taken[1:]] == [True, True, False, False, False, True, False]
    assert all(same(one, taken[1]) for one in taken[1:])


async def test_a_broken_stream_ends_behind_recalled_stanzas_too() -> None:
    taken: list[Stanza] = []
    receiving = stream(taken)
    receiving.data_received(b"<iq id='0'></iq>")
    learn()
    receiving.data_received(USUAL.encode() + b"<iq></message>" + USUAL.encode())
    assert [one.id for one in taken] == ["0", "b1"]
