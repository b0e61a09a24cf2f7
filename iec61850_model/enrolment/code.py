"""The one-time code: where to enrol, how to know that server, and the secret that lets one box in.

Base32 without padding (it fits a small QR code) of: version, port (2 octets), identity (8), secret (16),
fingerprint (32, all zero: none), length of the hub's domain, the domain, length of the host, the host, and
the first 4 octets of the SHA-256 of all that, which find a typing error.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

VERSION = 1
IDENTITY_OCTETS = 8
"""By which the hub finds the code; random too, so that nobody can name somebody else's."""
SECRET_OCTETS = 16
"""128 bits: beyond any guessing, even of somebody who holds the hub's registry."""
FINGERPRINT_OCTETS = 32
"""SHA-256."""
CHECK_OCTETS = 4
MAX_NAME = 253
"""Octets of a domain name (RFC 1035, 3.1)."""
MAX_TEXT = 4_096
"""Characters read as a code: some 150 are one, the rest is room for line breaks."""

_HEAD = 1 + 2 + IDENTITY_OCTETS + SECRET_OCTETS + FINGERPRINT_OCTETS
_NO_FINGERPRINT = bytes(FINGERPRINT_OCTETS)
_BETWEEN = re.compile(r"[\s-]+")
_NAME = re.compile(r"[A-Za-z0-9._:-]+", re.ASCII)


class InvalidCode(ValueError):
    """The text is no enrolment code; the message says what to do."""


@dataclass(frozen=True, slots=True)
class EnrolmentCode:
    """``host`` empty: DNS says where the server is. ``fingerprint`` empty: a public authority knows it."""

    hub: str
    host: str
    port: int
    identity: bytes
    secret: bytes = field(repr=False)
    fingerprint: bytes = b""

    @property
    def text(self) -> str:
        """The code as it is shown."""
        head = bytes([VERSION]) + self.port.to_bytes(2) + self.identity + self.secret
        names = b"".join(bytes([len(name)]) + name for name in (self.hub.encode(), self.host.encode()))
        packed = head + (self.fingerprint or _NO_FINGERPRINT) + names
        return base64.b32encode(packed + _check(packed)).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> EnrolmentCode:
        """Read a code, whatever blanks, dashes and line breaks stand in it. Raises InvalidCode."""
        if len(text) > MAX_TEXT:
            raise InvalidCode(f"a code has some 150 characters, this has {len(text)}")
        letters = _BETWEEN.sub("", text).upper()
        try:
            packed = base64.b32decode(letters + "=" * (-len(letters) % 8))
        except (binascii.Error, ValueError):
            raise InvalidCode("a code consists of the letters A to Z and the digits 2 to 7") from None
        body, check = packed[:-CHECK_OCTETS], packed[-CHECK_OCTETS:]
        if len(body) < _HEAD or not hmac.compare_digest(_check(body), check):
            raise InvalidCode("a letter is wrong, or some are missing: copy the whole code once more")
        if body[0] != VERSION:
            raise InvalidCode(f"this code is of version {body[0]}, this program knows {VERSION}: update it")
        identity, secret = body[3:11], body[11:27]
        fingerprint = body[27:_HEAD]
        hub, rest = _name(body[_HEAD:])
        host, rest = _name(rest)
        if rest or not hub:
            raise InvalidCode("the code is damaged: ask for a new one")
        known = b"" if fingerprint == _NO_FINGERPRINT else fingerprint
        return cls(hub, host, int.from_bytes(body[1:3]), identity, secret, known)


def guest_domain(hub: str) -> str:
    """Where somebody without an account logs in to enrol (SASL ANONYMOUS)."""
    return f"guest.{hub}"


def enrolment_address(hub: str) -> str:
    """The component that gives certificates."""
    return f"enrol.{hub}"


def fingerprint_of(authorities: Iterable[bytes]) -> bytes:
    """SHA-256 over the certificates (DER) of the authorities that a server's certificate may come from.

    Of a single one it is what every tool calls its fingerprint.
    """
    return hashlib.sha256(b"".join(authorities)).digest()


def _check(packed: bytes) -> bytes:
    return hashlib.sha256(packed).digest()[:CHECK_OCTETS]


def _name(packed: bytes) -> tuple[str, bytes]:
    length = packed[0] if packed else 0
    raw, rest = packed[1 : 1 + length], packed[1 + length :]
    text = raw.decode("ascii", "replace")
    if not packed or len(raw) < length or (text and not _NAME.fullmatch(text)):
        raise InvalidCode("the code is damaged: ask for a new one")
    return text, rest
