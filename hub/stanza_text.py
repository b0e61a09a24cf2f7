"""Stanzas read from their text alone: parsing tells no more if the payload has a shape that is known."""

from __future__ import annotations

import re

from hub.stanzas import Stanza
from iec61850_model.mms import xer
from iec61850_model.mms.pdu import Payload

_NAMES = "to|from|type|id|xml:lang"
_HEAD = re.compile(rf"<(iq|message)((?: (?:{_NAMES})='[ -%(-;=?-~]*')+)>")
"""A start tag as servers write it, with printable ASCII and nothing escaped in its attributes."""
_ATTRIBUTE = re.compile(rf" ({_NAMES})='([^']*)'")


def recalled(text: str) -> Stanza | None:
    """The iq or message that ``text`` is, from its start tag to its end tag; None: it must be parsed."""
    head = _HEAD.match(text)
    carried = xer.recall(_inner(head, text)) if head else None
    if head is None or carried is None:
        return None
    found = _ATTRIBUTE.findall(head[2])
    attributes = dict(found)
    if len(attributes) != len(found):
        return None  # it is no XML: the parser is to say so
    get = attributes.get
    return Stanza(
        head[1], get("type", ""), get("id", ""), get("from", ""), get("to", ""), text=text, carried=carried
    )


def remember(stanza: Stanza, payload: Payload) -> None:
    """Learn from a stanza that was parsed and whose payload was decoded strictly."""
    head = _HEAD.match(stanza.text)
    if head:
        xer.remember(_inner(head, stanza.text), payload)


def _inner(head: re.Match[str], text: str) -> str:
    return text[head.end() : -len(f"</{head[1]}>")]
