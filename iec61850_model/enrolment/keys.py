"""Keys, requests for certificates, and the proofs that go with them.

The code's secret is the seed of an Ed25519 key that signs the request: the hub keeps only the public key,
from which neither the secret nor a proof can be made, and a proof fits the one request it was made for.
"""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ObjectIdentifier

XMPP_ADDRESS = ObjectIdentifier("1.3.6.1.5.5.7.8.5")
"""id-on-xmppAddr, an otherName that holds a JID (RFC 6120, 13.7.1.4)."""

_SEED = b"heat-pump-hub enrolment code 1\0"
_ENROL = b"heat-pump-hub enrol 1\0"
_RENEW = b"heat-pump-hub renew 1\0"
_UTF8_STRING = 0x0C
_LONG_LENGTH = 0x80


class BadKey(ValueError):
    """What was read is no key of ours."""


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key for a box: ECDSA on P-256, which every TLS library takes."""
    return ec.generate_private_key(ec.SECP256R1())


def key_as_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The key as it is written to a file, not encrypted: the box must start alone."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def key_from_pem(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """The key in a file, beside whatever else stands in it. Raises BadKey."""
    begin, end = b"-----BEGIN PRIVATE KEY-----", b"-----END PRIVATE KEY-----"
    try:
        alone = pem[pem.index(begin) : pem.index(end) + len(end)]
        key = load_pem_private_key(alone + b"\n", password=None)
    except ValueError as error:
        raise BadKey(f"no private key in PEM: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadKey("the key is none on the curve P-256")
    return key


def certificate_request(key: ec.EllipticCurvePrivateKey, jid: str = "") -> bytes:
    """A request (PKCS #10, DER) for this key; ``jid`` says which name is expected: the hub decides."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if jid:
        builder = builder.add_extension(x509.SubjectAlternativeName([xmpp_name(jid)]), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


# --- proofs --------------------------------------------------------------------------------------------


def verifier_of(secret: bytes) -> bytes:
    """What the hub keeps of a code's secret."""
    return _code_key(secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def prove(secret: bytes, request: bytes) -> bytes:
    """That who sends this request for a certificate holds the secret."""
    return _code_key(secret).sign(_ENROL + request)


def proves(verifier: bytes, request: bytes, proof: bytes) -> bool:
    """Whether the proof was made with the secret, for this request."""
    try:
        Ed25519PublicKey.from_public_bytes(verifier).verify(proof, _ENROL + request)
    except (InvalidSignature, ValueError):
        return False
    return True


def prove_renewal(key: ec.EllipticCurvePrivateKey, serial: int, request: bytes) -> bytes:
    """That who sends this request holds the key of the certificate ``serial``."""
    return key.sign(_renewal(serial, request), ec.ECDSA(hashes.SHA256()))


def proves_renewal(certificate: x509.Certificate, request: bytes, proof: bytes) -> bool:
    """Whether the proof was made with the certificate's key, for this request."""
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey), "the hub gives certificates for no other keys"
    try:
        key.verify(proof, _renewal(certificate.serial_number, request), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _renewal(serial: int, request: bytes) -> bytes:
    return _RENEW + f"{serial:X}".encode() + b"\0" + request


def _code_key(secret: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(_SEED + secret).digest())


# --- names ----------------------------------------------------------------------------------------------


def xmpp_name(jid: str) -> x509.OtherName:
    """A JID as alternative name."""
    raw = jid.encode()
    length = len(raw)
    if length < _LONG_LENGTH:
        head = bytes([_UTF8_STRING, length])
    else:
        octets = length.to_bytes((length.bit_length() + 7) // 8)
        head = bytes([_UTF8_STRING, _LONG_LENGTH | len(octets)]) + octets
    return x509.OtherName(XMPP_ADDRESS, head + raw)


def alternative_names(thing: x509.Certificate | x509.CertificateSigningRequest) -> list[x509.GeneralName]:
    """All alternative names of a certificate or request; raises ValueError if they cannot be read."""
    try:
        return list(thing.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []


def is_for(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, jid: str) -> bool:
    """Whether this certificate is the key's, names this JID and nothing else."""
    same = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certificate.public_key().public_bytes(*same) != key.public_key().public_bytes(*same):
        return False
    return alternative_names(certificate) == [xmpp_name(jid)]
