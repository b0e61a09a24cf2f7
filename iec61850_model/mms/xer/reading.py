"""Careful reading of XML elements: what may stand where, how often, and how long."""

from __future__ import annotations

import re
from collections.abc import Collection
from xml.etree.ElementTree import Element

from iec61850_model.mms.pdu import RejectReason

NS82 = "http://www.iec.ch/61850/2018/SCSM_8_2"
_IN_NS82 = f"{{{NS82}}}"
_NAME_STARTS = len(_IN_NS82)

MAX_INTEGER_DIGITS = 20
"""Digits of the largest 64-bit integer; longer text is refused before it is turned into a number."""
_INTEGER = re.compile(rf"-?[0-9]{{1,{MAX_INTEGER_DIGITS}}}", re.ASCII).fullmatch
_BLANK = " \t\r\n"


class CodecError(Exception):
    """Base of what the codec raises; nothing else comes out of it for any input."""


class UnencodableValue(CodecError, ValueError):
    """A value that has no 8-2 form: number too large, control character in a visible string."""


class MalformedPdu(CodecError):
    """XML that is not a valid 8-2 PDU. ``reason`` and ``invoke_id`` are what a rejectPDU should carry."""

    def __init__(
        self, message: str, reason: RejectReason = RejectReason.INVALID_PDU, invoke_id: int | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.invoke_id = invoke_id


class Reader:
    """One way of reading: ``strict`` refuses what it does not know, lenient skips it (8-2, 10.2.2.1.4).

    Both refuse repeated elements, for there is no saying which one is meant.
    """

    __slots__ = ("strict",)

    def __init__(self, strict: bool) -> None:
        self.strict = strict

    def name(self, element: Element) -> str:
        """Local name; strict reading insists on the 8-2 namespace."""
        tag = element.tag
        if tag.startswith(_IN_NS82):
            return tag[_NAME_STARTS:]
        if self.strict:
            raise MalformedPdu(f"element {shown(tag)} is not in the namespace of 8-2")
        return tag.rpartition("}")[2]

    def check_plain(self, element: Element, attributes: Collection[str] = ()) -> None:
        """Refuse unknown attributes (strict) on an element."""
        if self.strict and element.attrib:
            for key in element.attrib:
                if key not in attributes:
                    raise MalformedPdu(f"attribute {shown(key)} of {shown(element.tag)} is not known")

    def check_no_text(self, element: Element) -> None:
        """Refuse text between elements (strict)."""
        if not self.strict:
            return
        if element.text and element.text.strip(_BLANK):
            raise MalformedPdu(f"text is not allowed in {shown(element.tag)}")
        for child in element:
            if child.tail and child.tail.strip(_BLANK):
                raise MalformedPdu(f"text is not allowed in {shown(element.tag)}")

    def fields(
        self, element: Element, allowed: Collection[str], attributes: Collection[str] = ()
    ) -> dict[str, Element]:
        """Children of a SEQUENCE by name; each at most once."""
        if element.attrib:
            self.check_plain(element, attributes)
        if element.text:
            self.check_no_text(element)
        found: dict[str, Element] = {}
        for child in element:
            if child.tail:
                self.check_no_text(element)
            tag = child.tag
            name = tag[_NAME_STARTS:] if tag.startswith(_IN_NS82) else self.name(child)
            if name not in allowed:
                if self.strict:
                    raise MalformedPdu(f"element {shown(name)} is not known in {shown(element.tag)}")
                continue
            if name in found:
                raise MalformedPdu(f"element {name} is repeated in {shown(element.tag)}")
            found[name] = child
        return found

    def needed(self, element: Element, *names: str, optional: tuple[str, ...] = ()) -> dict[str, Element]:
        """Children of a SEQUENCE of which ``names`` must be there and ``optional`` may."""
        fields = self.fields(element, names + optional if optional else names)
        for name in names:
            if name not in fields:
                raise MalformedPdu(f"{name} is missing in {shown(element.tag)}")
        return fields

    def choice(self, element: Element, attributes: Collection[str] = ()) -> tuple[str, Element]:
        """The one child of a CHOICE, whatever its name.

        Half of all elements are read here, so what is seldom wrong is asked for without a call.
        """
        if element.attrib:
            self.check_plain(element, attributes)
        if len(element) != 1:
            self.check_no_text(element)
            raise MalformedPdu(f"{shown(element.tag)} holds {len(element)} elements where one is to stand")
        child = element[0]
        if element.text or child.tail:
            self.check_no_text(element)
        tag = child.tag
        return tag[_NAME_STARTS:] if tag.startswith(_IN_NS82) else self.name(child), child

    def items(self, element: Element, name: str, limit: int) -> list[Element]:
        """Children of a SEQUENCE OF, all of one name, at most ``limit``."""
        if element.attrib:
            self.check_plain(element)
        if element.text:
            self.check_no_text(element)
        if len(element) > limit:
            raise MalformedPdu(
                f"{shown(element.tag)} has more than {limit} entries", RejectReason.VALUE_OUT_OF_RANGE
            )
        expected = _IN_NS82 + name
        for child in element:
            if child.tail:
                self.check_no_text(element)
            if child.tag != expected and self.name(child) != name:
                raise MalformedPdu(f"{shown(element.tag)} holds {shown(child.tag)} where {name} is to stand")
        return list(element)

    def text(self, element: Element) -> str:
        """Text of an element that has no children."""
        if element.attrib:
            self.check_plain(element)
        if len(element):
            raise MalformedPdu(f"{shown(element.tag)} holds elements where text is to stand")
        return element.text or ""

    def integer(self, element: Element, low: int, high: int) -> int:
        """An integer in low..high."""
        return integer(self.text(element), low, high)

    def boolean(self, element: Element) -> bool:
        """A boolean as text or as empty element ``<true/>``."""
        if len(element) == 1:
            self.check_plain(element)
            self.check_no_text(element)
            word = self.name(element[0])
            self.empty(element[0])
            return boolean(word)
        return boolean(self.text(element))

    def empty(self, element: Element) -> None:
        """Insist that an element is empty (strict)."""
        if self.strict and (len(element) or (element.text or "").strip(_BLANK) or element.attrib):
            raise MalformedPdu(f"{shown(element.tag)} is to be empty")

    def flag(self, element: Element, attribute: str, default: bool) -> bool:
        """A boolean kept as XML attribute, as 8-2 does for components with DEFAULT."""
        text = element.get(attribute)
        return default if text is None else boolean(text)

    def named_integer(self, element: Element, names: dict[str, int]) -> int:
        """A named integer: empty element of that name, the name as text, or the number."""
        if len(element) == 1:
            self.check_plain(element)
            self.check_no_text(element)
            word = self.name(element[0])
            self.empty(element[0])
        else:
            word = self.text(element).strip(_BLANK)
        if word in names:
            return names[word]
        return integer(word, 0, 255)


def arguments(fields: dict[str, Element], *names: str) -> list[Element]:
    """The fields of these names, all of which a service needs; raises MalformedPdu."""
    try:
        return [fields[name] for name in names]
    except KeyError:
        missing = [name for name in names if name not in fields]
        raise MalformedPdu(f"{', '.join(missing)} is missing", RejectReason.INVALID_ARGUMENT) from None


def integer(text: str, low: int, high: int) -> int:
    """Decimal integer in low..high; raises MalformedPdu."""
    stripped = text.strip(_BLANK)
    if not _INTEGER(stripped):
        raise MalformedPdu(f"{shown(stripped)} is not an integer", RejectReason.INVALID_ARGUMENT)
    value = int(stripped)
    if not low <= value <= high:
        raise MalformedPdu(f"{stripped} is outside {low}..{high}", RejectReason.VALUE_OUT_OF_RANGE)
    return value


def boolean(text: str) -> bool:
    """``true``, ``false``, 1 or 0; raises MalformedPdu."""
    match text.strip(_BLANK):
        case "true" | "1":
            return True
        case "false" | "0":
            return False
        case other:
            raise MalformedPdu(f"{shown(other)} is not a boolean", RejectReason.INVALID_ARGUMENT)


def shown(text: str) -> str:
    """Outside text for a message: short, and without anything a terminal or log would act on."""
    return ascii(text[:60])
