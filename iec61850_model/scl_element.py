"""What reading any SCL element needs: the file, namespace, attributes, and an error that names the line."""

from __future__ import annotations

from lxml import etree

NS_SCL = "http://www.iec.ch/61850/2003/SCL"
NS = f"{{{NS_SCL}}}"
"""Prefix of every tag of SCL, as lxml writes it."""
MAX_SCL_OCTETS = 4 * 1024 * 1024
"""Octets of an SCL file; a box's own model is below 100 kB."""
MAX_UNSIGNED = (1 << 32) - 1
"""Largest number an attribute may have (61850-6: xs:unsignedInt)."""

_TRUE, _FALSE = ("true", "1"), ("false", "0")


class SclError(ValueError):
    """An SCL file that cannot be read; the message names the line and what is wrong there."""


def root_of(xml: bytes) -> etree._Element:
    """The root element of a file, read without entities and network; raises SclError."""
    if len(xml) > MAX_SCL_OCTETS:
        raise SclError(f"the file has {len(xml)} octets; at most {MAX_SCL_OCTETS} are read")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(xml, parser)
    except etree.XMLSyntaxError as error:
        raise SclError(f"not well-formed XML: {error}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise SclError("a document type definition is not allowed in SCL: remove the DOCTYPE")
    if root.tag != f"{NS}SCL":
        raise SclError(f"the root element is {root.tag}, not SCL of {NS_SCL}")
    return root


def at(element: etree._Element, message: str) -> SclError:
    """The error for something wrong in ``element``."""
    return SclError(f"line {element.sourceline}, {etree.QName(element).localname}: {message}")


def needed(element: etree._Element, attribute: str) -> str:
    """An attribute that has no default; raises SclError if it is missing."""
    value = element.get(attribute)
    if value is None:
        raise at(element, f"attribute {attribute} is missing")
    return str(value)


def boolean(element: etree._Element, attribute: str, default: bool) -> bool:
    """An attribute of type xs:boolean; raises SclError."""
    text = element.get(attribute)
    if text is None:
        return default
    if text not in (*_TRUE, *_FALSE):
        raise at(element, f"{attribute}={text!r} is neither true nor false")
    return text in _TRUE


def unsigned(element: etree._Element, attribute: str, default: int = 0, most: int = MAX_UNSIGNED) -> int:
    """An attribute of type xs:unsignedInt, at most ``most``; raises SclError."""
    text = element.get(attribute)
    if text is None:
        return default
    if not text.isdecimal() or not text.isascii() or len(text) > len(str(MAX_UNSIGNED)) or int(text) > most:
        raise at(element, f"{attribute}={text[:20]!r} is not a number from 0 to {most}")
    return int(text)


def node_name(element: etree._Element, instance: str = "inst") -> str:
    """The name of a logical node, prefix, class and instance, as ``element`` gives them; raises SclError."""
    return element.get("prefix", "") + needed(element, "lnClass") + (element.get(instance) or "")
