"""Payloads of a shape met before: read and written anew without parsing, for only their texts differ.

All of a payload's XML but its texts is its shape. Of those that this codec writes there are few, whatever
names and values they carry. A shape is learnt from the first payload that has it, when that was decoded
strictly. Only what is exactly as the codec itself would write it, down to each text, is read so, and it comes
out as the codec would write it; anything else is left to be parsed.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias, cast

from iec61850_model.mms.pdu import (
    AccessResult,
    ConfirmedRequest,
    ConfirmedResponse,
    Data,
    InformationReport,
    ObjectName,
    Payload,
    Pdu,
    ReadRequest,
    ReadResponse,
    Tag,
    Unconfirmed,
    VariableList,
    VariableListName,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.mms.xer.data import digits, encoded, read_text
from iec61850_model.mms.xer.names import MAX_NAME, written_identifier
from iec61850_model.mms.xer.payload import ASSOCIATION_ID, MAX_INVOKE_ID, encode_payload
from iec61850_model.mms.xer.reading import NS82, CodecError, integer

MAX_SHAPES = 512
"""Shapes kept, the longest unused dropped first: 5 MB at most. A provider uses some dozen."""
MAX_LENGTH = 8_192
"""Characters of a payload with a shape: a report of 20 quantities has 5,500."""
KNOWN_TEXTS = 4_096
"""Texts kept with what they mean: qualities, times, names and small numbers come again and again."""

_TEXT = re.compile(rf">([ -%'-;=?-~]{{1,{MAX_NAME}}})<")
"""Printable ASCII without XML's own characters, between two tags: what needs no escaping."""
_CONTEXT = re.compile(
    rf"""<associationContext xmlns=(['"]){re.escape(NS82)}\1 assoID=\1({ASSOCIATION_ID.pattern})\1>"""
)
_EMPTY = re.compile(r"<([a-zA-Z-]+)></\1>")
_Values: TypeAlias = Sequence[Any]
_Key: TypeAlias = tuple[bool, tuple[str, ...]]


class Recalled(NamedTuple):
    """A payload, and the XML that ``encode_payload`` makes of it."""

    payload: Payload
    xml: str


class _Shape(NamedTuple):
    """``kinds``: of the texts in order; ``build``: a PDU of their values; ``form``: the XML around them."""

    kinds: tuple[str, ...]
    build: Callable[[_Values], Pdu]
    form: str


_shapes: OrderedDict[_Key, _Shape | None] = OrderedDict()
"""None: a shape that cannot be used, so that it is not looked at again and again."""


def recall(xml: str) -> Recalled | None:
    """The payload, if its shape is known and each text is as this codec writes it; None: it must be parsed.

    What is recalled is what ``decode_payload(strict=True)`` would read.
    """
    if len(xml) > MAX_LENGTH:
        return None
    key, association, texts = _cut(xml)
    shape = _shapes.get(key)
    if shape is None:
        return None
    try:
        values = [_value(kind, text) for kind, text in zip(shape.kinds, texts, strict=True)]
    except CodecError:
        return None
    _shapes.move_to_end(key)
    written = shape.form % tuple(texts)
    if association is not None:
        written = f'<associationContext xmlns="{NS82}" assoID="{association}">{written}'
    return Recalled(Payload(shape.build(values), association), written)


def remember(xml: str, payload: Payload) -> None:
    """Learn the shape of ``xml``, which was decoded strictly as ``payload``, if it can be used."""
    if len(xml) > MAX_LENGTH:
        return
    key, _, texts = _cut(xml)
    if key in _shapes:
        return
    _shapes[key] = _shape_of(key, texts, payload)
    if len(_shapes) > MAX_SHAPES:
        _shapes.popitem(last=False)


def _cut(xml: str) -> tuple[_Key, str | None, list[str]]:
    """The shape, the association id and the texts."""
    context = _CONTEXT.match(xml)
    parts = _TEXT.split(xml[context.end() :] if context else xml)
    return (context is not None, tuple(parts[::2])), context[2] if context else None, parts[1::2]


def _shape_of(key: _Key, texts: list[str], payload: Payload) -> _Shape | None:
    """None unless this codec writes all but the texts so, apart from quotes and the tags of what is empty."""
    try:
        ours, _, _ = _cut(encode_payload(payload))
    except CodecError:
        return None
    (_, theirs), (_, our) = key, ours
    if [_plain(part) for part in theirs] != [_plain(part) for part in our]:
        return None
    kinds: list[str] = []
    build = _builder(payload.pdu, kinds)
    if build is None or len(kinds) != len(texts):
        return None
    return _Shape(tuple(kinds), build, ">%s<".join(part.replace("%", "%%") for part in our))


def _plain(part: str) -> str:
    return _EMPTY.sub(r"<\1/>", part.replace("'", '"'))


@lru_cache(maxsize=KNOWN_TEXTS)
def _value(kind: str, text: str) -> object:
    """What a text means; raises CodecError if it is wrong, or not written as this codec would."""
    if kind == _NAME:
        value: object = text
        written = written_identifier(text)
    elif kind == _INVOKE_ID:
        value = number = integer(text, 0, MAX_INVOKE_ID)
        written = digits(number, 0, MAX_INVOKE_ID)
    else:
        tag = cast("Tag", kind)
        value = data = Data(tag, read_text(tag, text))
        written = encoded(tag, data.value)
    if written != text:
        raise CodecError(f"{text!r} is written {written!r} here")
    return value


_NAME, _INVOKE_ID = "name", "invokeID"


# --- PDUs from their texts: as the encoder writes them, in its order --------------------------------------


def _builder(pdu: Pdu, kinds: list[str]) -> Callable[[_Values], Pdu] | None:
    """What makes such a PDU of its texts, whose kinds it adds to ``kinds``; None if it is a rare one."""
    match pdu:
        case ConfirmedRequest(_, ReadRequest(VariableList(names), with_result)):
            kinds.append(_INVOKE_ID)
            asked = _names(names, kinds)
            return lambda values: ConfirmedRequest(
                values[0], ReadRequest(VariableList(asked(values)), with_result)
            )
        case ConfirmedRequest(_, WriteRequest(VariableList(names), data)):
            kinds.append(_INVOKE_ID)
            named, set_to = _names(names, kinds), _results(data, kinds)
            return lambda values: ConfirmedRequest(
                values[0], WriteRequest(VariableList(named(values)), set_to(values))
            )
        case ConfirmedResponse(_, ReadResponse(results)):
            kinds.append(_INVOKE_ID)
            read = _results(results, kinds)
            return lambda values: ConfirmedResponse(values[0], ReadResponse(read(values)))
        case ConfirmedResponse(_, WriteResponse() as done):
            kinds.append(_INVOKE_ID)
            return lambda values: ConfirmedResponse(values[0], done)
        case Unconfirmed(InformationReport(VariableListName(ObjectName(_, None, False)), results)):
            kinds.append(_NAME)
            told = _results(results, kinds)
            return lambda values: Unconfirmed(
                InformationReport(VariableListName(ObjectName(values[0])), told(values))
            )
    return None


def _names(names: Sequence[ObjectName], kinds: list[str]) -> Callable[[_Values], tuple[ObjectName, ...]]:
    """Names in a domain have two texts, all others one."""
    places = []
    for name in names:
        places.append((name.domain is not None, len(kinds), name.aa_specific))
        kinds += (_NAME, _NAME) if name.domain is not None else (_NAME,)

    def build(values: _Values) -> tuple[ObjectName, ...]:
        return tuple(
            [
                _name(values[at + 1], values[at]) if in_domain else _name(values[at], None, of_association)
                for in_domain, at, of_association in places
            ]
        )

    return build


_name = lru_cache(maxsize=KNOWN_TEXTS)(ObjectName)

_Template: TypeAlias = "int | AccessResult | tuple[Tag, tuple[_Template, ...]]"
"""The number of a text, a value without one, or a structure or array of such."""


def _results(results: Sequence[AccessResult], kinds: list[str]) -> Callable[[_Values], tuple[Any, ...]]:
    templates = [_template(one, kinds) for one in results]
    return lambda values: tuple([_filled(one, values) for one in templates])


def _template(result: AccessResult, kinds: list[str]) -> Any:
    if not isinstance(result, Data) or result.value in ("", b""):
        return result  # an error is an element, and what is empty has no text
    if isinstance(result.value, tuple) and result.tag in ("structure", "array"):
        return result.tag, tuple([_template(cast("Data", part), kinds) for part in result.value])
    kinds.append(result.tag)
    return len(kinds) - 1


def _filled(template: Any, values: _Values) -> Any:
    kind = type(template)
    if kind is int:
        return values[template]
    if kind is tuple:
        return Data(template[0], tuple([_filled(part, values) for part in template[1]]))
    return template
