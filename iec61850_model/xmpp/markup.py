"""Stanzas as text: attributes written safely, PDUs measured as they were received."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from iec61850_model.mms.xer import NS82

_ATTRIBUTE = {
    ord("&"): "&amp;",
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord('"'): "&quot;",
    ord("\t"): "&#9;",
    ord("\n"): "&#10;",
    ord("\r"): "&#13;",
}
_XMLNS = len(f' xmlns="{NS82}"')


def attribute(text: str) -> str:
    """Text for an attribute in double quotes, so that a parser gives back exactly the same."""
    return text.translate(_ATTRIBUTE)


def octets(element: Element) -> int:
    """Octets of a PDU in its shortest XML (UTF-8, one namespace declaration, empty elements closed at once).

    Counted without writing the XML again, for it is done for every PDU received.
    """
    total = _XMLNS
    for part in element.iter():
        name = len(part.tag.rpartition("}")[2])
        text = part.text
        if text or len(part):
            total += 2 * name + 5
            if text:
                total += _text_octets(text)
        else:
            total += name + 3
        for key, value in part.attrib.items():
            total += len(key) + len(value.encode()) + 4
        if part.tail and part is not element:
            total += _text_octets(part.tail)
    return total


def _text_octets(text: str) -> int:
    length = len(text) if text.isascii() else len(text.encode())
    if "&" in text or "<" in text or ">" in text:
        length += 4 * text.count("&") + 3 * (text.count("<") + text.count(">"))
    return length
