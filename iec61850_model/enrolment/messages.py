"""What a box or provider and the enrolment component say to each other in an iq: read strictly, built as
text."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias
from xml.etree.ElementTree import Element
from xml.sax.saxutils import quoteattr

from iec61850_model.enrolment.code import IDENTITY_OCTETS

NS = "urn:heat-pump-hub:enrolment:1"
PROVIDER = "provider"
"""As what somebody enrols who is no box."""
MAX_BLOB = 4_096
"""Octets of a request, proof or certificate: ours have some 100 to 700."""
MAX_AUTHORITIES = 8
"""Certificates of authorities in an answer: one, or two while one takes over from the other."""
MAX_SERIAL = 40
"""Hexadecimal digits of a serial number: 20 octets (RFC 5280, 4.1.2.2)."""
MAX_ADDRESS = 1_023
"""Characters of an address in an answer."""


class Malformed(ValueError):
    """Not what was agreed on."""


@dataclass(frozen=True, slots=True)
class AskAuthorities:
    """Which authorities may have signed the server's certificate? Anybody may know."""

    type = "get"


@dataclass(frozen=True, slots=True)
class Enrol:
    """Give me a certificate: I hold the secret of this code, and am a box or a ``provider``."""

    identity: bytes
    request: bytes
    proof: bytes
    provider: bool = False
    type = "set"


@dataclass(frozen=True, slots=True)
class Renew:
    """Give me the next one: I hold the key of this certificate."""

    serial: int
    request: bytes
    proof: bytes
    type = "set"


Request: TypeAlias = AskAuthorities | Enrol | Renew


@dataclass(frozen=True, slots=True)
class Authorities:
    """Certificates (DER) of the authorities; none: public ones, which every system knows."""

    certificates: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Issued:
    """The certificate (DER), whose it is, and what he needs to know. Addresses are bare."""

    jid: str
    hub: str
    collector: str
    certificate: bytes
    authorities: tuple[bytes, ...]


# --- requests -------------------------------------------------------------------------------------------


def encode_request(request: Request) -> str:
    """The child of the iq."""
    match request:
        case AskAuthorities():
            return f'<authorities xmlns="{NS}"/>'
        case Enrol(identity, csr, proof, provider):
            parts = _blob("request", csr) + _blob("proof", proof)
            role = f' as="{PROVIDER}"' if provider else ""
            return f'<enrol xmlns="{NS}" code="{identity.hex()}"{role}>{parts}</enrol>'
        case Renew(serial, csr, proof):
            parts = _blob("request", csr) + _blob("proof", proof)
            return f'<renew xmlns="{NS}" serial="{serial:X}">{parts}</renew>'


def decode_request(type_: str, children: Sequence[Element]) -> Request:
    """What is asked for by the children of an iq of this type. Raises Malformed."""
    if len(children) != 1:
        raise Malformed("one element is wanted")
    element = children[0]
    if element.tag == _tag("authorities") and type_ == "get":
        _require(element, (), ())
        return AskAuthorities()
    if element.tag == _tag("enrol") and type_ == "set":
        provider = element.get("as") == PROVIDER
        _require(element, ("code", "as") if provider else ("code",), ("request", "proof"))
        identity = _hex(element.attrib["code"], IDENTITY_OCTETS)
        return Enrol(identity, _octets(element[0]), _octets(element[1]), provider)
    if element.tag == _tag("renew") and type_ == "set":
        _require(element, ("serial",), ("request", "proof"))
        return Renew(_serial(element.attrib["serial"]), _octets(element[0]), _octets(element[1]))
    raise Malformed("no such request")


# --- answers ---------------------------------------------------------------------------------------------


def encode_answer(answer: Authorities | Issued) -> str:
    """The child of the iq result."""
    match answer:
        case Authorities(certificates):
            inner = "".join(_blob("authority", one) for one in certificates)
            return f'<authorities xmlns="{NS}">{inner}</authorities>'
        case Issued(jid, hub, collector, certificate, authorities):
            addresses = f"jid={quoteattr(jid)} hub={quoteattr(hub)} collector={quoteattr(collector)}"
            inner = _blob("certificate", certificate) + "".join(
                _blob("authority", one) for one in authorities
            )
            return f'<issued xmlns="{NS}" {addresses}>{inner}</issued>'


def decode_answer(children: Sequence[Element]) -> Authorities | Issued:
    """What the component answered. Raises Malformed."""
    if len(children) != 1:
        raise Malformed("one element is wanted")
    element = children[0]
    if len(element) > 1 + MAX_AUTHORITIES:
        raise Malformed("too many authorities")
    if element.tag == _tag("authorities"):
        _require(element, (), ("authority",) * len(element))
        return Authorities(tuple(_octets(one) for one in element))
    if element.tag == _tag("issued"):
        _require(element, ("jid", "hub", "collector"), ("certificate", *("authority",) * (len(element) - 1)))
        jid, hub, collector = (element.attrib[name] for name in ("jid", "hub", "collector"))
        if max(map(len, (jid, hub, collector))) > MAX_ADDRESS:
            raise Malformed("an address is too long")
        return Issued(jid, hub, collector, _octets(element[0]), tuple(_octets(one) for one in element[1:]))
    raise Malformed("no such answer")


# --- parts ------------------------------------------------------------------------------------------------


def _tag(name: str) -> str:
    return f"{{{NS}}}{name}"


def _blob(name: str, octets: bytes) -> str:
    return f"<{name}>{base64.b64encode(octets).decode()}</{name}>"


def _require(element: Element, attributes: Sequence[str], children: Sequence[str]) -> None:
    if sorted(element.attrib) != sorted(attributes):
        raise Malformed(f"the attributes are {', '.join(attributes) or 'none'}")
    if [child.tag for child in element] != [_tag(name) for name in children]:
        raise Malformed(f"the elements are {', '.join(children) or 'none'}")


def _octets(element: Element) -> bytes:
    if element.attrib or len(element) or len(element.text or "") > 2 * MAX_BLOB:
        raise Malformed("octets in base64 are wanted")
    try:
        octets = base64.b64decode(element.text or "", validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("octets in base64 are wanted") from None
    if not 0 < len(octets) <= MAX_BLOB:
        raise Malformed(f"1 to {MAX_BLOB} octets are wanted")
    return octets


def _hex(text: str, octets: int) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        raise Malformed("hexadecimal digits are wanted") from None
    if len(found) != octets or len(text) != 2 * octets:
        raise Malformed(f"{octets} octets are wanted")
    return found


def _serial(text: str) -> int:
    if not text.isascii() or not text.isalnum() or len(text) > MAX_SERIAL:
        raise Malformed("a serial number in hexadecimal digits is wanted")
    try:
        return int(text, 16)
    except ValueError:
        raise Malformed("a serial number in hexadecimal digits is wanted") from None
