"""Values: MMS Data to XML and back (8-2, 8.3 Table 3)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TypeVar, cast
from xml.etree.ElementTree import Element

from iec61850_model.mms.pdu import MAX_NESTING, Data, DataValue, RejectReason, Tag
from iec61850_model.mms.xer.reading import (
    NS82,
    MalformedPdu,
    Reader,
    UnencodableValue,
    boolean,
    integer,
    shown,
)
from iec61850_model.values import EntryTime, Timestamp

_FLOAT = struct.Struct(">f")
_FLOAT_DIGITS = 2 * _FLOAT.size
MAX_BITS = 1024
"""Bits of one bit string; the longest in use are quality and inclusion bit strings."""
INT64 = (-(1 << 63), (1 << 63) - 1)
UINT64 = (0, (1 << 64) - 1)

_CONTROL_NAMES = (
    *("nul", "soh", "stx", "etx", "eot", "enq", "ack", "bel", "bs", "ht", "lf", "vt", "ff", "cr", "so", "si"),
    *("dle", "dc1", "dc2", "dc3", "dc4", "nak", "syn", "etb", "can", "em", "sub", "esc"),
    *("is4", "is3", "is2", "is1"),
)
_CONTROL_BY_NAME = {name: chr(code) for code, name in enumerate(_CONTROL_NAMES)}
_KEPT_AS_TEXT = "\t\n"
"""Control characters XML carries unharmed; a carriage return would come out of a parser as line feed."""
_CONTROL_ELEMENTS = {
    code: f"<{name}/>" for code, name in enumerate(_CONTROL_NAMES) if chr(code) not in _KEPT_AS_TEXT
}
_MARKUP = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
_MMS_STRING = _CONTROL_ELEMENTS | _MARKUP
_T = TypeVar("_T")
made = tuple.__new__
"""Makes a NamedTuple of its parts in half the time that a call of its class takes."""


def escape(text: str) -> str:
    """Text with XML's own characters escaped."""
    return text.translate(_MARKUP)


def digits(number: object, low: int, high: int) -> str:
    """Decimal text of a whole number; raises UnencodableValue for anything else or outside low..high."""
    if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
        raise UnencodableValue(f"{number!r:.60} is not a whole number in {low}..{high}")
    return str(int(number))


# --- encoding --------------------------------------------------------------------------------------


def write_data(data: Data, out: list[str], depth: int = 0) -> None:
    """Append the XML of a value, without the Data wrapper.

    Raises UnencodableValue if the value does not fit its kind.
    """
    tag, value = data
    if tag in ("structure", "array"):
        if depth >= MAX_NESTING:
            raise UnencodableValue(f"a value is nested deeper than {MAX_NESTING} levels")
        if not isinstance(value, tuple):
            raise UnencodableValue(f"{value!r:.60} are not the parts of a value of kind {tag}")
        out.append(f"<{tag}>")
        for part in value:
            if not isinstance(part, Data):
                raise UnencodableValue(f"a {tag} holds {part!r:.60} where Data is to stand")
            kind, inner = part
            if kind in _ENCODERS:
                out.append(f"<Data><{kind}>{encoded(kind, inner)}</{kind}></Data>")
                continue
            out.append("<Data>")
            write_data(part, out, depth + 1)
            out.append("</Data>")
        out.append(f"</{tag}>")
        return
    out.append(f"<{tag}>{encoded(tag, value)}</{tag}>")


def encoded(tag: Tag, value: DataValue) -> str:
    """The text inside the element of a value without parts; raises UnencodableValue."""
    try:
        return _ENCODERS[tag](value)
    except (KeyError, ValueError, OverflowError) as error:
        raise UnencodableValue(f"{value!r:.60} is not a value of kind {tag}: {error}") from error


def _of_kind(value: DataValue, kind: type[_T]) -> _T:
    if not isinstance(value, kind):
        raise ValueError(f"{kind.__name__} is wanted")
    return value


def _float_hex(value: DataValue) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number is wanted")
    return _FLOAT.pack(float(value)).hex().upper()


def _bits(value: DataValue) -> str:
    text = _of_kind(value, str)
    if not 0 < len(text) <= MAX_BITS or text.strip("01"):
        raise ValueError(f"a bit string has 1 to {MAX_BITS} binary digits")
    return text


def _visible(value: DataValue) -> str:
    text = _of_kind(value, str)
    if not text.isascii() or not text.isprintable():
        raise ValueError("only printable ASCII is allowed")
    return escape(text)


def _mms_string(value: DataValue) -> str:
    text = _of_kind(value, str)
    if any("\ud800" <= char <= "\udfff" or char in "\ufffe\uffff" for char in text):
        raise ValueError("surrogates and U+FFFE, U+FFFF have no XML form")
    return text.translate(_MMS_STRING)


_ENCODERS: dict[Tag, Callable[[DataValue], str]] = {
    "boolean": lambda value: "true" if _of_kind(value, bool) else "false",
    "integer": lambda value: digits(value, *INT64),
    "unsigned": lambda value: digits(value, *UINT64),
    "floating-point": _float_hex,
    "bit-string": _bits,
    "octet-string": lambda value: _of_kind(value, bytes).hex().upper(),
    "visible-string": _visible,
    "mMSString": _mms_string,
    "utc-time": lambda value: _of_kind(value, Timestamp).to_bytes().hex().upper(),
    "binary-time": lambda value: _of_kind(value, EntryTime).to_bytes().hex().upper(),
}


# --- decoding --------------------------------------------------------------------------------------


def read_data(name: str, element: Element, reader: Reader, depth: int = 0) -> Data:
    """Read a value from its element (the one inside Data) and that one's name.

    Raises MalformedPdu.
    """
    decoder = _DECODERS.get(name)
    if decoder is not None:
        return Data(cast("Tag", name), decoder(reader.text(element)))
    if name in ("structure", "array"):
        if depth >= MAX_NESTING:
            raise MalformedPdu(
                f"a value is nested deeper than {MAX_NESTING} levels", RejectReason.MAX_RECURSION_EXCEEDED
            )
        reader.check_plain(element)
        reader.check_no_text(element)
        parts = []
        for child in element:
            if reader.name(child) != "Data":
                raise MalformedPdu(f"{name} holds {shown(child.tag)} where Data is to stand")
            parts.append(read_wrapped(child, reader, depth + 1))
        return Data(cast("Tag", name), tuple(parts))
    if name == "mMSString":
        return Data("mMSString", _read_mms_string(element, reader))
    if name == "boolean":
        return Data("boolean", reader.boolean(element))
    raise MalformedPdu(f"{shown(name)} is not a kind of value", RejectReason.INVALID_ARGUMENT)


def read_text(tag: Tag, text: str) -> DataValue:
    """Read a value without parts, but no mMSString, from the text in its element; raises MalformedPdu."""
    return boolean(text) if tag == "boolean" else _DECODERS[tag](text)


def read_wrapped(holder: Element, reader: Reader, depth: int = 0) -> Data:
    """Read the value that alone stands in ``holder``, which is an element as ``Data``; raises MalformedPdu.

    Most of what is ever read is a value without parts and nothing beside it: for that no more is called.
    """
    if len(holder) == 1 and not (holder.attrib or holder.text):
        element = holder[0]
        plain = _PLAIN.get(element.tag)
        if plain is not None and not (element.tail or len(element) or element.attrib):
            tag, decoder = plain
            return made(Data, (tag, decoder(element.text or "")))
    return read_data(*reader.choice(holder), reader, depth)


def _read_mms_string(element: Element, reader: Reader) -> str:
    reader.check_plain(element)
    parts = [element.text or ""]
    for child in element:
        char = _CONTROL_BY_NAME.get(reader.name(child))
        if char is None:
            raise MalformedPdu(f"{shown(child.tag)} is not a control character")
        reader.empty(child)
        parts += (char, child.tail or "")
    return "".join(parts)


def _read_float(text: str) -> float:
    if len(text) == _FLOAT_DIGITS and text.isalnum():
        try:
            return cast("float", _FLOAT.unpack(bytes.fromhex(text))[0])
        except ValueError:
            pass
    return cast("float", _FLOAT.unpack(exactly(text, _FLOAT.size))[0])


def _octets(text: str) -> bytes:
    stripped = text.strip(" \t\r\n")
    try:
        octets = bytes.fromhex(stripped)
    except ValueError:
        octets = b""
    if len(octets) * 2 != len(stripped):
        raise MalformedPdu(f"{shown(stripped)} is not hexadecimal", RejectReason.INVALID_ARGUMENT)
    return octets


def exactly(text: str, size: int) -> bytes:
    """``size`` octets from their hexadecimal text; raises MalformedPdu."""
    octets = _octets(text)
    if len(octets) != size:
        raise MalformedPdu(f"{shown(text)} is not {size} octets", RejectReason.INVALID_ARGUMENT)
    return octets


def _read_bits(text: str) -> str:
    if 0 < len(text) <= MAX_BITS and not text.strip("01"):
        return text
    stripped = text.strip(" \t\r\n")
    if not 0 < len(stripped) <= MAX_BITS or stripped.strip("01"):
        raise MalformedPdu(f"{shown(stripped)} is not a bit string", RejectReason.INVALID_ARGUMENT)
    return stripped


def _read_visible(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise MalformedPdu("a visible string holds more than printable ASCII", RejectReason.INVALID_ARGUMENT)
    return text


_DECODERS: dict[str, Callable[[str], DataValue]] = {
    "integer": lambda text: integer(text, *INT64),
    "unsigned": lambda text: integer(text, *UINT64),
    "floating-point": _read_float,
    "bit-string": _read_bits,
    "octet-string": _octets,
    "visible-string": _read_visible,
    "utc-time": lambda text: Timestamp.from_bytes(exactly(text, 8)),
    "binary-time": lambda text: EntryTime.from_bytes(exactly(text, 6)),
}
_PLAIN: dict[str, tuple[Tag, Callable[[str], DataValue]]] = {
    f"{{{NS82}}}{name}": (cast("Tag", name), decoder)
    for name, decoder in (*_DECODERS.items(), ("boolean", boolean))
}
"""The same by the name with its namespace."""
