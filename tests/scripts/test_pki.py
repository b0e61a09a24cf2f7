"""The test CA's certificates convince a strict TLS client for exactly the names they were made for."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from support.pki import CertificateAuthority, ServerCertificate, write_private


def handshake(ca_file: Path, server: ServerCertificate, name: str) -> None:
    """Run a TLS handshake in memory as a client that expects `name`.

    Raises:
        ssl.SSLCertVerificationError: the client does not trust the certificate.
    """
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(server.certificate_file, server.key_file)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    trusting = ssl.create_default_context(cafile=str(ca_file))
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    client = trusting.wrap_bio(to_client, to_server, server_hostname=name)
    peer = serving.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, peer, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert client.getpeercert()


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority(tmp_path)


@pytest.mark.parametrize("name", ["boxes.example.org", "ops.hub.example.org", "127.0.0.1"])
def test_a_client_trusts_every_name_of_the_certificate(
    authority: CertificateAuthority, tmp_path: Path, name: str
) -> None:
    names = ["boxes.example.org", "ops.hub.example.org", "127.0.0.1"]
    handshake(authority.certificate_file, authority.issue_server(tmp_path, "server", names), name)


def test_a_client_refuses_another_name(authority: CertificateAuthority, tmp_path: Path) -> None:
    server = authority.issue_server(tmp_path, "server", ["boxes.example.org"])
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(authority.certificate_file, server, "hub.example.org")


def test_a_client_of_another_ca_refuses(authority: CertificateAuthority, tmp_path: Path) -> None:
    server = authority.issue_server(tmp_path, "server", ["boxes.example.org"])
    (tmp_path / "other").mkdir()
    other = CertificateAuthority(tmp_path / "other", "Somebody else")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(other.certificate_file, server, "boxes.example.org")


def test_keys_are_p_256_and_private_and_the_ca_key_is_nowhere(
    authority: CertificateAuthority, tmp_path: Path
) -> None:
    server = authority.issue_server(tmp_path, "server", ["boxes.example.org"])
    certificate = x509.load_pem_x509_certificate(server.certificate_file.read_bytes())
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)
    assert server.key_file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ca.crt", "server.crt", "server.key"]


def test_a_certificate_without_names_is_refused(authority: CertificateAuthority, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one name"):
        authority.issue_server(tmp_path, "server", [])


def test_a_private_file_replaces_one_that_others_could_read(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
