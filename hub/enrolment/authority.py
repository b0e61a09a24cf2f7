"""The authority that certifies boxes. Time and serial numbers are passed in; it reads no files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from iec61850_model.enrolment.keys import alternative_names, xmpp_name

CLOCK_TOLERANCE = 3_600.0
"""Seconds before its making from which a certificate is valid: servers whose clock is behind take it too."""
AUTHORITY_DAYS = 3_650
"""Validity of an authority made here: ten years; docs/enrolment.md tells how to change to another one."""
DAY = 86_400.0
COMMON_NAME_LIMIT = 64
"""Characters; X.520 ub-common-name."""

AuthorityKey = ec.EllipticCurvePrivateKey

_UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    InvalidSignature,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What a request from outside makes the library raise; the last three are no ValueError."""


class UnusableAuthority(ValueError):
    """Key and certificate cannot be used; the message says what to do."""


class BadRequest(ValueError):
    """A request for a certificate (PKCS #10) that is none we answer."""


class ForeignName(ValueError):
    """A request for a certificate in somebody else's name."""


@dataclass(frozen=True, slots=True)
class Authority:
    """Key and certificate of the authority. Make it with ``load``."""

    key: AuthorityKey
    certificate: x509.Certificate

    @classmethod
    def load(cls, key_pem: bytes, certificate_pem: bytes, passphrase: bytes | None, now: float) -> Authority:
        """From files. Raises UnusableAuthority."""
        try:
            key = load_pem_private_key(key_pem, passphrase)
        except (TypeError, ValueError, UnsupportedAlgorithm) as error:
            raise UnusableAuthority(f"the key cannot be read: {error}: is the passphrase right?") from None
        try:
            certificate = x509.load_pem_x509_certificate(certificate_pem)
            basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        except (ValueError, x509.ExtensionNotFound) as error:
            raise UnusableAuthority(f"the certificate is none of an authority: {error}") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise UnusableAuthority("the key is none of ECDSA: make one with `openssl ecparam -genkey`")
        if _public(key.public_key()) != _public(certificate.public_key()):
            raise UnusableAuthority("key and certificate do not belong together")
        if not basic.ca:
            raise UnusableAuthority("the certificate is none of an authority (basicConstraints CA:TRUE)")
        if certificate.not_valid_after_utc.timestamp() <= now:
            raise UnusableAuthority("the certificate has run out")
        return cls(key, certificate)

    def issue(
        self, key: ec.EllipticCurvePublicKey, jid: str, serial: int, now: float, days: float
    ) -> x509.Certificate:
        """A certificate with which the holder of ``key`` logs in as ``jid``, and does nothing else.

        It never outlives the authority's own.
        """
        ends = min(now + days * DAY, self.certificate.not_valid_after_utc.timestamp())
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, jid[:COMMON_NAME_LIMIT])]))
            .issuer_name(self.certificate.subject)
            .public_key(key)
            .serial_number(serial)
            .not_valid_before(_moment(now - CLOCK_TOLERANCE))
            .not_valid_after(_moment(ends))
            .add_extension(x509.SubjectAlternativeName([xmpp_name(jid)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
            .sign(self.key, hashes.SHA256())
        )


def make_authority(name: str, now: float) -> Authority:
    """A new authority for the boxes of one hub."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:COMMON_NAME_LIMIT])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_moment(now - CLOCK_TOLERANCE))
        .not_valid_after(_moment(now + AUTHORITY_DAYS * DAY))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(key, certificate)


def authority_as_pem(authority: Authority, passphrase: bytes | None) -> tuple[bytes, bytes]:
    """Key and certificate as they are written to files."""
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    key = authority.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    return key, authority.certificate.public_bytes(Encoding.PEM)


def key_of_request(request: bytes) -> tuple[ec.EllipticCurvePublicKey, list[x509.GeneralName]]:
    """The key that a request (PKCS #10, DER) is for, and the names it wishes. Raises BadRequest."""
    try:
        csr = x509.load_der_x509_csr(request)
        key = csr.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise BadRequest("the key is none on the curve P-256")
        if not csr.is_signature_valid:
            raise BadRequest("the request is not signed by its key")
        names = alternative_names(csr)
    except _UNREADABLE as error:
        raise BadRequest(str(error)[:200]) from None
    return key, names


def require_own_name(names: list[x509.GeneralName], jid: str) -> None:
    """Raise ForeignName if a request wishes another name than this one; with none it takes what it gets."""
    if names and names != [xmpp_name(jid)]:
        raise ForeignName("the request names somebody else")


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(int(at), UTC)


def _public(key: object) -> bytes:
    assert hasattr(key, "public_bytes")
    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
