"""Stanzas read from their text alone: parsing tells no more if the payload has a shape that is known."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from hub.stanzas import Stanza
from iec61850_model.mms import xer
from iec61850_model.mms.pdu import Payload

KNOWN_TAGS = 64
"""Start tags kept with what stands where in them: a server has two or three."""

_FIRST = re.compile(r"<(iq|message)( [a-z:]+=)")
_READ = (" type=", " id=", " from=", " to=")
_ALLOWED = frozenset((*_READ, " xml:lang="))
_NOWHERE = -1
"""Where an empty text stands, for what a tag leaves out."""


class _Tag(NamedTuple):
    """The kind of stanza, and where type, id, from and to stand among the parts that quotes separate."""

    kind: str
    type: int
    id: int
    sender: int
    to: int


def recalled(text: str) -> Stanza | None:
    """The iq or message that ``text`` is, from its start tag to its end tag; None: it must be parsed."""
    parts, tag = _start(text)
    if tag is None:
        return None
    kind, type_, id_, sender, to = tag
    carried = xer.recall(_inner(text, kind))
    if carried is None:
        return None
    return Stanza(kind, parts[type_], parts[id_], parts[sender], parts[to], (), text, carried)


def remember(stanza: Stanza, payload: Payload) -> None:
    """Learn from a stanza that was parsed and whose payload was decoded strictly."""
    if _start(stanza.text)[1] is not None:
        xer.remember(_inner(stanza.text, stanza.kind), payload)


def _inner(text: str, kind: str) -> str:
    return text[text.find(">") + 1 : -len(kind) - len("</>")]


def _start(text: str) -> tuple[list[str], _Tag | None]:
    """The parts of a start tag, if it is as servers write it: printable ASCII with nothing escaped."""
    start = text[: text.find(">") + 1]
    parts = start.split("'")
    tag = _tag(tuple(parts[::2]))
    if "&" in start or start.rfind("<") != 0 or not (start.isascii() and start.isprintable()):
        tag = None
    parts.append("")
    return parts, tag


@lru_cache(maxsize=KNOWN_TAGS)
def _tag(around: tuple[str, ...]) -> _Tag | None:
    """What is between the quoted texts: names that may be there, each once, and the tag's end."""
    first = _FIRST.fullmatch(around[0])
    if first is None or around[-1] != ">":
        return None
    names = [first[2], *around[1:-1]]
    if len({*names}) != len(names) or not _ALLOWED.issuperset(names):
        return None
    return _Tag(first[1], *(2 * names.index(name) + 1 if name in names else _NOWHERE for name in _READ))
