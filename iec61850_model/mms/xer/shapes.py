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
from functools import cache, lru_cache, partial
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
from iec61850_model.mms.xer.data import encoded, made, read_text
from iec61850_model.mms.xer.names import MAX_NAME, written_identifier
from iec61850_model.mms.xer.payload import ASSOCIATION_ID, MAX_INVOKE_ID, encode_payload
from iec61850_model.mms.xer.reading import NS82, CodecError

MAX_SHAPES = 512
"""Shapes kept, the longest unused dropped first: 25 MB if all are of the longest."""
MAX_LENGTH = 8_192
"""Characters of a payload with a shape: a report of 20 quantities has 5,500."""
KNOWN_TEXTS = 4_096
"""Texts kept with what they mean: names, qualities and small numbers come again and again."""

_TEXT = re.compile(rf">([ -%'-;=?-~]{{1,{MAX_NAME}}})<")
"""Printable ASCII without XML's own characters, between two tags: what needs no escaping."""
_CONTEXT = re.compile(
    rf"""<associationContext xmlns=(['"]){re.escape(NS82)}\1 assoID=\1({ASSOCIATION_ID.pattern})\1>"""
)
_MIXED = "mMSString"
"""The one kind of value in whose text elements may stand."""
_EMPTY = re.compile(r"<([a-zA-Z-]+)></\1>")
_Values: TypeAlias = Sequence[Any]
_Read: TypeAlias = Callable[[str], object]
_Key: TypeAlias = tuple[bool, tuple[str, ...]]


class Carried(NamedTuple):
    """A payload, and if it is known the XML that ``encode_payload`` makes of it."""

    payload: Payload
    written: str = ""

    @property
    def pdu(self) -> Pdu:
        """The PDU in it."""
        return self.payload.pdu

    @property
    def xml(self) -> str:
        """The payload written anew; raises UnencodableValue."""
        return self.written or encode_payload(self.payload)


class _Shape(NamedTuple):
    """``reads``: the texts in order; ``build``: a PDU of what they give; ``form``: the XML around them."""

    reads: tuple[_Read, ...]
    build: Callable[[_Values], Pdu]
    form: str


_shapes: OrderedDict[_Key, _Shape | None] = OrderedDict()
"""None: a shape that cannot be used, so that it is not looked at again and again."""


def recall(xml: str) -> Carried | None:
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
        values = [read(text) for read, text in zip(shape.reads, texts, strict=True)]
    except CodecError:
        return None
    _shapes.move_to_end(key)
    written = shape.form % tuple(texts)
    if association is not None:
        written = f'<associationContext xmlns="{NS82}" assoID="{association}">{written}'
    return Carried(Payload(shape.build(values), association), written)


def remember(xml: str, payload: Payload) -> None:
    """Learn the shape of ``xml``, which was decoded strictly as ``payload``, if it can be used."""
    if len(xml) > MAX_LENGTH:
        return
    key, _, texts = _cut(xml)
    if key in _shapes:
        return
    _shapes[key] = _shape_of(key, texts, payload)
    found = recall(xml)
    if found is not None and found.payload != payload:  # as with not-a-number, which nothing equals
        del _shapes[key]
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
    if any(_MIXED in part for part in our):
        return None
    reads: list[_Read] = []
    build = _builder(payload.pdu, reads)
    if build is None or len(reads) != len(texts):
        return None
    return _Shape(tuple(reads), build, ">%s<".join(part.replace("%", "%%") for part in our))


def _plain(part: str) -> str:
    return _EMPTY.sub(r"<\1/>", part.replace("'", '"'))


# --- texts: CodecError if one is wrong, or not written as this codec would ---------------------------------


def _value(tag: Tag, text: str) -> Data:
    value = read_text(tag, text)
    if encoded(tag, value) != text:
        raise CodecError(f"{text!r} is not how a value of kind {tag} is written here")
    return Data(tag, value)


_known_value = lru_cache(maxsize=KNOWN_TEXTS)(_value)


@lru_cache(maxsize=KNOWN_TEXTS)
def _identifier(text: str) -> str:
    if written_identifier(text) != text:
        raise CodecError(f"{text!r} is not how a name is written here")
    return text


def _invoke_id(text: str) -> int:
    number = int(text) if text.isdigit() else -1
    if str(number) != text or number > MAX_INVOKE_ID:
        raise CodecError(f"{text!r} is not how a number is written here")
    return number


_NEVER_AGAIN: tuple[Tag, ...] = ("floating-point", "utc-time", "binary-time")
"""What is measured, and when: to keep it would only push out what does come again."""


@cache
def _reading(tag: Tag) -> _Read:
    return partial(_value if tag in _NEVER_AGAIN else _known_value, tag)


# --- PDUs from their texts: as the encoder writes them, in its order --------------------------------------


def _builder(pdu: Pdu, reads: list[_Read]) -> Callable[[_Values], Pdu] | None:
    """Makes such a PDU of what ``reads``, to which it adds, have read; None if it is a rare one."""
    match pdu:
        case ConfirmedRequest(_, ReadRequest(VariableList(names), with_result)):
            reads.append(_invoke_id)
            asked = _names(names, reads)
            return lambda values: ConfirmedRequest(
                values[0], ReadRequest(VariableList(asked(values)), with_result)
            )
        case ConfirmedRequest(_, WriteRequest(VariableList(names), data)):
            reads.append(_invoke_id)
            named, set_to = _names(names, reads), _results(data, reads)
            return lambda values: ConfirmedRequest(
                values[0], WriteRequest(VariableList(named(values)), set_to(values))
            )
        case ConfirmedResponse(_, ReadResponse(results)):
            reads.append(_invoke_id)
            read = _results(results, reads)
            return lambda values: ConfirmedResponse(values[0], ReadResponse(read(values)))
        case ConfirmedResponse(_, WriteResponse() as done):
            reads.append(_invoke_id)
            return lambda values: ConfirmedResponse(values[0], done)
        case Unconfirmed(InformationReport(VariableListName(ObjectName(_, None, False)), results)):
            reads.append(_identifier)
            told = _results(results, reads)
            return lambda values: Unconfirmed(
                InformationReport(VariableListName(ObjectName(values[0])), told(values))
            )
    return None


def _names(names: Sequence[ObjectName], reads: list[_Read]) -> Callable[[_Values], tuple[ObjectName, ...]]:
    """Names in a domain have two texts, all others one."""
    places = []
    for name in names:
        places.append((name.domain is not None, len(reads), name.aa_specific))
        reads += [_identifier] * (2 if name.domain is not None else 1)

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


def _results(results: Sequence[AccessResult], reads: list[_Read]) -> Callable[[_Values], tuple[Any, ...]]:
    templates = [_template(one, reads) for one in results]
    return lambda values: tuple([_filled(one, values) for one in templates])


def _template(result: AccessResult, reads: list[_Read]) -> Any:
    if not isinstance(result, Data) or result.value in ("", b""):
        return result  # an error is an element, and what is empty has no text
    if isinstance(result.value, tuple) and result.tag in ("structure", "array"):
        return result.tag, tuple([_template(cast("Data", part), reads) for part in result.value])
    reads.append(_reading(result.tag))
    return len(reads) - 1


def _filled(template: Any, values: _Values) -> Any:
    kind = type(template)
    if kind is int:
        return values[template]
    if kind is tuple:
        return made(Data, (template[0], tuple([_filled(part, values) for part in template[1]])))
    return template
