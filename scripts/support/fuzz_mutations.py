"""Damage to messages: on their XML trees, and on the text and octets they are written in."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from xml.etree.ElementTree import Element, ParseError, fromstring, tostring

from iec61850_model.mms.xer import NS82

DAMAGES, DAMAGE_WEIGHTS = (1, 2, 4), (6, 3, 1)
"""Damages done to one message: most mistakes need one, and more seldom leave anything worth reading."""
MAX_OCTETS = 300_000
"""Octets of a damaged message: more than any PDU may have, and than Prosody lets a client send."""
DEPTHS, DEPTH_WEIGHTS = (2, 9, 12, 60, 1_100, 20_000), (6, 6, 6, 4, 2, 1)
"""Levels that are put in: around the bounds of values and types, and where a recursion would break. The
deep ones cost time, so they are rare."""
REPEATS, REPEAT_WEIGHTS = (1, 2, 20, 513, 4_097), (20, 8, 4, 2, 1)
"""How often something is repeated: around MAX_VARIABLES and MAX_IDENTIFIERS."""

VOCABULARY = (
    *("associationContext", "confirmed-RequestPDU", "confirmed-ResponsePDU", "confirmed-ErrorPDU"),
    *("unconfirmed-PDU", "rejectPDU", "initiate-RequestPDU", "initiate-ErrorPDU", "conclude-RequestPDU"),
    *("conclude-ErrorPDU", "cancel-RequestPDU", "cancel-ErrorPDU", "invokeID", "originalInvokeID"),
    *("ConfirmedServiceRequest", "ConfirmedServiceResponse", "UnconfirmedService", "informationReport"),
    *("read", "write", "getNameList", "getVariableAccessAttributes", "fileOpen", "defineNamedVariableList"),
    *("variableAccessSpecification", "listOfVariable", "variableListName", "SEQUENCE", "CHOICE", "name"),
    *("variableSpecification", "alternateAccess", "domain-specific", "vmd-specific", "aa-specific"),
    *("domainId", "itemId", "listOfData", "Data", "listOfAccessResult", "AccessResult", "success", "failure"),
    *(
        "objectClass",
        "objectScope",
        "domain",
        "vmdSpecific",
        "domainSpecific",
        "continueAfter",
        "nul",
        "true",
    ),
    *("structure", "array", "boolean", "integer", "unsigned", "floating-point", "bit-string", "octet-string"),
    *("visible-string", "mMSString", "utc-time", "binary-time", "serviceError", "errorClass", "access"),
    *("typeDescription", "componentType", "numberOfElements", "rejectReason", "pdu-error", "foreign", "iq"),
)
NAMESPACES = (f"{{{NS82}}}", "", "{jabber:client}", "{urn:other}", f"{{{NS82}x}}", "{ }")
TEXTS = (
    *("", " ", "\n\t ", "0", "1", "-0", "+1", "00", "1e9", "1.0", "0x10", "１２", "٣", "−1", "true", "TRUE"),
    *("-9223372036854775809", "18446744073709551616", "4294967296", "65536", "9" * 20, "9" * 21, "7" * 5_000),
    *("NaN", "7FC00000", "FFC00001", "7F800000", "FF800000", "7F800001", "00000001", "449a5000", "449A50"),
    *("449A5000 00", "44 9A 50 00", "4", "zz", "+449A500", "449A5000" * 20, "0" * 16, "F" * 16, "F" * 18),
    *(
        "00000000000000FF",
        "FFFFFFFFFFFFFF",
        "80000000FFFFFFFF",
        "05265BFFFFFF",
        "0",
        "01",
        "012",
        "0" * 1_025,
    ),
    *("A", "A$B", "$", "LLN0$", "$CO$", "@", "@x", "HP/LLN0", "A" * 129, "A" * 130, "A" * 70_000, "a b", "é"),
    *("\x7f", "\u0085", "\u2028", "\u202e", "\ud7ff", "\ufffd", "\U0001f525", "]]>", "%s%n", "{0}", "*"),
)
_HEX = (
    "",
    "0",
    "00",
    "zz",
    "+0",
    "00 00",
    "0" * 16,
    "F" * 16,
    "f" * 12,
    "F" * 18,
    "80000000FFFFFFFF",
    "1" * 130,
)
_NUMBERS = ("-0", "+1", " 1 ", "1.0", "1e9", "256", "65536", "4294967296", "9" * 20, "9" * 21, "-1", "1２")
_WORDS = ("", "é", "\x7f", " a", "a ", "x" * 130, "x" * 70_000, "<&>", "\u0085", "\n", "A$B")
VALUE_TEXTS = {
    **dict.fromkeys(("integer", "unsigned", "invokeID", "originalInvokeID", "numberOfElements"), _NUMBERS),
    **dict.fromkeys(("octet-string", "utc-time", "binary-time"), _HEX),
    **dict.fromkeys(("visible-string", "mMSString", "itemId", "domainId", "continueAfter"), _WORDS),
    "floating-point": (
        *_HEX,
        "7FC00000",
        "FFC00001",
        "7F800000",
        "FF800000",
        "7F800001",
        "00000001",
        "449a5000",
    ),
    "bit-string": ("", "0", "2", "01 01", "0" * 12, "1" * 14, "0" * 1_024, "0" * 1_025),
    "boolean": ("", "1", "0", "2", "TRUE", " true ", "yes"),
}
"""Texts for elements of these names that come near to what may stand there."""
ATTRIBUTES = ("assoID", "moreFollows", "specificationWithResult", "packed", "foreign", "{urn:other}assoID")
ATTRIBUTE_VALUES = ("true", "false", "0", "1:2", "1:2:3", "1000", "", "é", "９", "1\n", "x" * 5_000)


def damaged(random: Random, octets: bytes) -> bytes:
    """A message with one or several damages, most of them on its tree."""
    for _ in range(random.choices(DAMAGES, DAMAGE_WEIGHTS)[0]):
        octets = (damage_tree if random.random() < 0.7 else damage_text)(random, octets)
        if len(octets) > MAX_OCTETS:
            return octets[:MAX_OCTETS]
    return octets


# --- trees ----------------------------------------------------------------------------------------


def damage_tree(random: Random, octets: bytes) -> bytes:
    """One damage that leaves the XML well-formed; what is not well-formed stays as it is."""
    try:
        root = fromstring(octets)  # noqa: S314  # text that the fuzzer itself wrote
    except (ParseError, ValueError, LookupError):
        return octets
    try:
        random.choice(_TREE_DAMAGES)(random, root)
        written: bytes = tostring(root, encoding="utf-8" if random.random() < 0.5 else "us-ascii")
    except (RecursionError, ValueError):
        # Deeper than the writer of ElementTree goes, or a name it does not write.
        return octets
    return written


def _parents(root: Element) -> dict[Element, Element]:
    return {child: parent for parent in root.iter() for child in parent}


def _any(random: Random, root: Element) -> Element:
    return random.choice(list(root.iter()))


def _rename(random: Random, root: Element) -> None:
    _any(random, root).tag = random.choice(NAMESPACES[:2]) + random.choice(VOCABULARY)


def _drop(random: Random, root: Element) -> None:
    victim, parents = _any(random, root), _parents(root)
    if victim in parents:
        parents[victim].remove(victim)


def _repeat(random: Random, root: Element) -> None:
    victim, parents = _any(random, root), _parents(root)
    if victim in parents:
        size = max(1, len(tostring(victim)))
        times = min(random.choices(REPEATS, REPEAT_WEIGHTS)[0], MAX_OCTETS // size)
        parents[victim].extend([victim] * times)


def _swap(random: Random, root: Element) -> None:
    one, other = _any(random, root), _any(random, root)
    if other in one.iter() or one in other.iter():
        return
    one.tag, other.tag = other.tag, one.tag
    one.text, other.text = other.text, one.text
    one[:], other[:] = list(other), list(one)


def _move(random: Random, root: Element) -> None:
    one, other, parents = _any(random, root), _any(random, root), _parents(root)
    if one in parents and other not in one.iter():
        parents[one].remove(one)
        other.insert(random.randint(0, len(other)), one)


def _wrap(random: Random, root: Element) -> None:
    victim = _any(random, root)
    inner = Element(victim.tag, victim.attrib)
    inner.text, inner[:] = victim.text, list(victim)
    victim[:] = [inner]


def _namespace(random: Random, root: Element) -> None:
    space = random.choice(NAMESPACES)
    for element in [_any(random, root)] if random.random() < 0.7 else root.iter():
        element.tag = space + element.tag.rpartition("}")[2]


def _attribute(random: Random, root: Element) -> None:
    _any(random, root).set(random.choice(ATTRIBUTES), random.choice(ATTRIBUTE_VALUES))


def _text(random: Random, root: Element) -> None:
    leaves = [element for element in root.iter() if not len(element)]
    random.choice(leaves).text = random.choice(TEXTS)


def _value(random: Random, root: Element) -> None:
    """Another value, mostly one that looks like its kind."""
    kinds = [element for element in root.iter() if element.tag.rpartition("}")[2] in VALUE_TEXTS]
    if kinds:
        victim = random.choice(kinds)
        fitting = VALUE_TEXTS[victim.tag.rpartition("}")[2]]
        victim.text = random.choice(fitting if random.random() < 0.8 else TEXTS)


def _mixed(random: Random, root: Element) -> None:
    victim = _any(random, root)
    if random.random() < 0.5:
        victim.text = random.choice(TEXTS)
    elif victim is not root:
        victim.tail = random.choice(TEXTS)


def _add(random: Random, root: Element) -> None:
    victim = _any(random, root)
    new = Element(random.choice(NAMESPACES) + random.choice(VOCABULARY))
    new.text = random.choice(TEXTS)
    victim.insert(random.randint(0, len(victim)), new)


_TREE_DAMAGES: tuple[Callable[[Random, Element], None], ...] = (
    *(
        _rename,
        _drop,
        _repeat,
        _swap,
        _move,
        _wrap,
        _namespace,
        _attribute,
        _text,
        _value,
        _value,
        _mixed,
        _add,
    ),
)


# --- text and octets ------------------------------------------------------------------------------


def damage_text(random: Random, octets: bytes) -> bytes:
    """One damage to the text or the octets of a message."""
    return random.choice(_TEXT_DAMAGES)(random, octets)


def _place(random: Random, octets: bytes) -> int:
    return random.randint(0, len(octets))


def _between_tags(random: Random, octets: bytes) -> int:
    places = [at for at, octet in enumerate(octets) if octet == ord("<")]
    return random.choice(places) if places else 0


def _truncate(random: Random, octets: bytes) -> bytes:
    return octets[: _place(random, octets)]


def _flip(random: Random, octets: bytes) -> bytes:
    changed = bytearray(octets or b"<")
    for _ in range(random.choice((1, 1, 4))):
        changed[random.randrange(len(changed))] = random.choice((0, 1, 0x1F, 0x3C, 0x7F, 0x80, 0xC0, 0xFF))
    return bytes(changed)


def _splice(random: Random, octets: bytes) -> bytes:
    start, end = sorted((_place(random, octets), _place(random, octets)))
    at = _place(random, octets)
    return octets[:at] + octets[start:end] + octets[at:]


_INSERTS = (
    *(b"&lol;", b"&#0;", b"&#x1F;", b"&#xD800;", b"&#x110000;", b"&#13;", b"&amp;lt;", b"&lt;read&gt;"),
    *(b"<!-- -->", b"<!-- -- -->", b"<?php 1?>", b"<?xml version='1.0'?>", b"<![CDATA[1]]>", b"<![CDATA[<a>"),
    *(b"<!DOCTYPE a>", b"<!ENTITY a 'b'>", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc0\x80", b"]]>", b"<"),
    *(b"<x:a xmlns:x='urn:x'/>", b"<a xmlns=''/>", b"<x:a/>", b" xmlns='urn:other'", b" a='1' a='2'", b"\r"),
)
_PROLOGUES = (
    b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
    b'<!DOCTYPE a SYSTEM "file:///etc/passwd">',
    b'<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///dev/zero"> %p;]>',
    b"<?xml version='1.0' encoding='utf-16'?>",
    b"<?xml version='1.0' encoding='iso-8859-1'?>",
    b"<?xml version='1.0' encoding='no-such'?>",
    b"<?xml version='1.0' encoding='idna'?>",
    b"<?xml version='1.1'?>",
    b"<?xml-stylesheet href='x'?>",
    b"\xef\xbb\xbf",
    b"\xfe\xff",
    b"\n",
)


def _insert(random: Random, octets: bytes) -> bytes:
    at = _between_tags(random, octets) if random.random() < 0.6 else _place(random, octets)
    return octets[:at] + random.choice(_INSERTS) + octets[at:]


def _prologue(random: Random, octets: bytes) -> bytes:
    return random.choice(_PROLOGUES) + octets


def _entity_for_text(random: Random, octets: bytes) -> bytes:
    root = octets[1:].split(b" ")[0].split(b">")[0][:60]
    return b"<!DOCTYPE " + root + b' [<!ENTITY x "1">]>' + octets.replace(b">1<", b">&x;<")


def _encode(random: Random, octets: bytes) -> bytes:
    text = octets.decode("utf-8", "replace")
    return text.encode(
        random.choice(("utf-16", "utf-16-be", "utf-32", "utf-7", "latin-1", "cp037")), "replace"
    )


def _deepen(random: Random, octets: bytes) -> bytes:
    at = _between_tags(random, octets)
    end = octets.find(b"<", at + 1)
    end = len(octets) if end < 0 else end
    name = random.choice((b"structure", b"Data", b"x", b"typeDescription"))
    levels = min(random.choices(DEPTHS, DEPTH_WEIGHTS)[0], MAX_OCTETS // (2 * len(name) + 5))
    opening, closing = b"<" + name + b">", b"</" + name + b">"
    if name == b"Data":
        opening, closing = b"<Data><structure>", b"</structure></Data>"
        levels = min(levels, 5_000)
    inner = octets[at:end] if random.random() < 0.3 else b""
    rest = octets[end:] if inner else octets[at:]
    return octets[:at] + opening * levels + inner + closing * levels + rest


def _prefix(random: Random, octets: bytes) -> bytes:
    old = f'xmlns="{NS82}"'.encode()
    new = random.choice((b"", b'xmlns="urn:other"', b"xmlns:p='urn:p' " + old, old + b" " + old))
    return octets.replace(old, new, 1)


_TEXT_DAMAGES: tuple[Callable[[Random, bytes], bytes], ...] = (
    *(_truncate, _flip, _flip, _splice, _insert, _insert, _insert, _prologue, _entity_for_text, _encode),
    *(_deepen, _deepen, _prefix),
)
