"""A private key and its certificate, in one file: so a power cut can never part them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from iec61850_model.enrolment.keys import BadKey, key_as_pem, key_from_pem, new_key

IDENTITY_NAME = "identity.pem"
AUTHORITIES_NAME = "server-ca.pem"
"""Whom to believe that a server is the one meant, beside the identity."""
PENDING_NAME = "enrolment.key"
"""The key of an attempt whose answer has not come."""
MAX_OCTETS = 65_536
"""Octets of the file: ours has some 1,000."""


class UnusableIdentity(Exception):
    """The file holds no key with its certificate."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A private key and the certificate for it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def read(cls, path: Path) -> Identity:
        """From its file. Raises UnusableIdentity."""
        try:
            with path.open("rb") as file:
                pem = file.read(MAX_OCTETS)
            return cls(key_from_pem(pem), x509.load_pem_x509_certificate(pem))
        except (OSError, BadKey, ValueError) as error:
            raise UnusableIdentity(f"{path} holds no key with its certificate: {error}") from None

    def write(self, path: Path) -> None:
        """To its file, in one step and for the owner only. Raises OSError."""
        write_private(path, key_as_pem(self.key) + self.certificate.public_bytes(Encoding.PEM))

    @property
    def begins(self) -> float:
        """Seconds since 1970 UTC from which the certificate is good."""
        return self.certificate.not_valid_before_utc.timestamp()

    @property
    def ends(self) -> float:
        """Seconds since 1970 UTC until which the certificate is good."""
        return self.certificate.not_valid_after_utc.timestamp()


def pending_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The key of an attempt to enrol, made if there is none: the next attempt takes it again, for the hub may
    have used up the code for it though its answer did not come. Raises OSError, BadKey.
    """
    if not path.exists():
        write_private(path, key_as_pem(new_key()))
    return key_from_pem(path.read_bytes())


def write_private(path: Path, content: bytes) -> None:
    """Replace a file in one step; nobody else can read it at any moment. Raises OSError."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
