"""Enrolment as a process, with a real registry, audit and authority: each request ends, its place is free."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID, ObjectIdentifier

import hub.enrolment.process
from hub.audit import AuditLog
from hub.config import HubConfig
from hub.enrolment.files import make_authority_files
from hub.enrolment.process import CHAIN, EnrolmentProcess
from hub.registry import Holder, Registry, add_code, add_heat_pump
from hub.roster import HeatPump
from hub.stanzas import Stanza
from iec61850_model.enrolment.keys import certificate_request, new_key, prove, verifier_of
from iec61850_model.enrolment.messages import Enrol, encode_request

HUB = "hub.example.org"
GUEST = f"somebody@guest.{HUB}/x"
SECRET, IDENTITY = bytes(range(16)), bytes(range(8))
ECDSA_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")


@dataclass
class World:
    """The process, and what it sent."""

    process: EnrolmentProcess
    sent: list[str] = field(default_factory=list)

    async def ask(self, request: bytes) -> str:
        """The answer to a box that enrols with this request."""
        inner = encode_request(Enrol(IDENTITY, request, prove(SECRET, request)))
        head = f'<iq xmlns="jabber:component:accept" type="set" id="1" from="{GUEST}" to="enrol.{HUB}">'
        self.process._take(Stanza.of(fromstring(f"{head}{inner}</iq>")))
        await asyncio.gather(*self.process._work, return_exceptions=True)
        return self.sent.pop() if self.sent else ""

    @property
    def in_hand(self) -> int:
        return len(self.process._desk._in_hand)


@pytest.fixture
async def world(registry: Registry, audit_url: str, tmp_path: Path) -> AsyncIterator[World]:
    secret = tmp_path / "enrolment"
    secret.write_text("s" * 32)
    secret.chmod(0o600)
    (tmp_path / "ca").mkdir(mode=0o700)
    (tmp_path / "hub.yaml").write_text(
        f"domain: {HUB}\nsecrets: {{enrolment: enrolment}}\nenrolment: {{box_domain: boxes.example.org}}\n"
    )
    config = HubConfig.load(tmp_path / "hub.yaml")
    assert make_authority_files(config)
    now = time.time()
    await registry.run(add_heat_pump, HeatPump("hp1", "box1@boxes.example.org"), hub_domain=HUB, now=now)
    await registry.run(
        add_code, Holder("hp1"), IDENTITY, verifier_of(SECRET), now=now, expires=now + 86_400.0
    )
    audit = await AuditLog.open(audit_url, CHAIN)
    made = World(EnrolmentProcess(config, registry, audit))
    made.process._send = made.sent.append  # type: ignore[method-assign]
    yield made
    await audit.close()


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([tag, length] if length < 128 else [tag, 0x80 | len(octets), *octets]) + content


def _extended(*extensions: tuple[str, bytes], of: bytes = b"", by: bytes = b"") -> bytes:
    """A request with these extensions, and with ``by`` in place of ``of``, signed as it should be."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    for oid, value in extensions:
        extension = x509.UnrecognizedExtension(ObjectIdentifier(oid), value)
        builder = builder.add_extension(extension, critical=False)
    made = builder.sign(key, hashes.SHA256())
    if not of:
        return made.public_bytes(Encoding.DER)
    assert made.tbs_certrequest_bytes.count(of) == 1
    told = made.tbs_certrequest_bytes.replace(of, by)
    signature = key.sign(told, ec.ECDSA(hashes.SHA256()))
    return _der(0x30, told + ECDSA_WITH_SHA256 + _der(0x03, b"\0" + signature))


SAN, ISSUERS = ExtensionOID.SUBJECT_ALTERNATIVE_NAME.dotted_string, "2.5.29.18"
NAME = bytes.fromhex("3003820178")
"""GeneralNames, of one dNSName."""


@pytest.mark.parametrize(
    "request_",
    [
        _extended(of=bytes.fromhex("020100"), by=bytes.fromhex("020101")),
        _extended((SAN, NAME), (ISSUERS, NAME), of=bytes.fromhex("551d12"), by=bytes.fromhex("551d11")),
        _extended((SAN, bytes.fromhex("3002a300"))),
        _extended((SAN, bytes.fromhex("3006a504a1020c00"))),
    ],
    ids=["version 1", "names twice", "x400Address", "ediPartyName"],
)
async def test_a_request_that_the_library_does_not_read_is_a_bad_one(world: World, request_: bytes) -> None:
    assert "<bad-request" in await world.ask(request_)
    assert world.in_hand == 0


async def test_a_defect_of_ours_is_told_and_frees_the_place(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("nobody thought of this")

    request = certificate_request(new_key())
    with monkeypatch.context() as broken:
        broken.setattr(hub.enrolment.process, "certify", fails)
        assert "<internal-server-error" in await world.ask(request)
    assert world.in_hand == 0
    assert "<certificate" in await world.ask(request), "it may ask again"


async def test_a_refusal_that_cannot_be_kept_is_told_and_frees_the_place(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(hub.enrolment.process, "_refusal", fails)
    monkeypatch.setattr("hub.enrolment.desk.FIRST_DELAY", 0.0)
    assert "<not-authorized" in await world.ask(certificate_request(new_key(), "box2@boxes.example.org"))
    assert world.in_hand == 0
