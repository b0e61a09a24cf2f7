"""Who gets a certificate: codes, requests and proofs against a real registry, as dialogues in time."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from sqlalchemy.orm import Session

from hub.enrolment.authority import (
    AUTHORITY_DAYS,
    DAY,
    Authority,
    BadRequest,
    UnusableAuthority,
    authority_as_pem,
    make_authority,
)
from hub.enrolment.certifying import Certified, Terms, certify
from hub.enrolment.judging import GRACE, MAX_WRONG, Refused
from hub.enrolment.metrics import EnrolmentMetrics
from hub.enrolment.process import EnrolmentSnapshot
from hub.registry import (
    Conflict,
    Holder,
    Registry,
    add_code,
    add_heat_pump,
    add_provider,
    count_wrong,
    get_heat_pump,
    get_provider,
    let_in,
    let_in_provider,
    list_heat_pumps,
    remove_heat_pump,
    remove_provider,
    revoke_certificates,
    revoked_serials,
    shut_out,
    shut_out_provider,
    withdraw_codes,
)
from hub.registry.ways_in import ways_of_boxes, ways_of_providers
from hub.roster import HeatPump, Provider
from iec61850_model.enrolment.keys import (
    certificate_request,
    is_for,
    new_key,
    prove,
    prove_renewal,
    verifier_of,
    xmpp_name,
)
from iec61850_model.enrolment.messages import Enrol, Renew

NOW = 1_800_000_000.0
GUESTS = "guest.hub.example.org"
GUEST = f"somebody@{GUESTS}"
BOX = "box1@boxes.example.org"
SECRET, IDENTITY = bytes(range(16)), bytes(range(8))
WEEK = 7 * DAY


@dataclass
class Hub:
    """A registry with the heat pump hp1, and the authority; ``now`` moves by hand."""

    registry: Registry
    authority: Authority = field(default_factory=lambda: make_authority("Boxes", NOW))
    now: float = NOW

    async def code(self, identity: bytes = IDENTITY, secret: bytes = SECRET, heat_pump: str = "hp1") -> None:
        expires = self.now + WEEK
        await self.registry.run(
            add_code, Holder(heat_pump), identity, verifier_of(secret), now=self.now, expires=expires
        )

    async def ask(self, asked: Enrol | Renew, sender: str = GUEST) -> Certified:
        terms = Terms(self.authority, 30, GUESTS)
        return await self.registry.run(certify, terms, asked, sender, self.now)

    async def refuses(self, asked: Enrol | Renew, why: str, sender: str = GUEST) -> Refused:
        with pytest.raises(Refused, match=why) as refused:
            await self.ask(asked, sender)
        return refused.value

    async def revoked(self) -> list[str]:
        return await self.registry.read(revoked_serials, self.now)


def revoked(session: Session, now: float) -> None:
    """The certificates of hp1's box count no more."""
    revoke_certificates(session, get_heat_pump(session, "hp1"), now)


@pytest.fixture
async def hub(registry: Registry) -> Hub:
    for number in (1, 2):
        new = HeatPump(f"hp{number}", f"box{number}@boxes.example.org")
        await registry.run(add_heat_pump, new, hub_domain="hub.example.org", now=NOW)
    return Hub(registry)


@dataclass
class Box:
    """A box with a key, and how it asks."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)

    def enrols(self, jid: str = "", secret: bytes = SECRET, identity: bytes = IDENTITY) -> Enrol:
        request = certificate_request(self.key, jid)
        return Enrol(identity, request, prove(secret, request))

    def renews(self, serial: int, next_key: ec.EllipticCurvePrivateKey, jid: str = "") -> Renew:
        request = certificate_request(next_key, jid)
        return Renew(serial, request, prove_renewal(self.key, serial, request))


@pytest.fixture
def box() -> Iterator[Box]:
    yield Box()


# --- the certificate ------------------------------------------------------------------------------------


async def test_a_certificate_lets_one_box_in_and_does_nothing_else(hub: Hub, box: Box) -> None:
    await hub.code()
    done = await hub.ask(box.enrols())
    certificate = x509.load_der_x509_certificate(done.der)
    assert is_for(certificate, box.key, BOX) and done.account == BOX and done.holder == Holder("hp1")
    assert not is_for(certificate, box.key, "box2@boxes.example.org")
    assert certificate.not_valid_after_utc.timestamp() == NOW + 30 * DAY
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    certificate.verify_directly_issued_by(hub.authority.certificate)


async def test_no_certificate_outlives_its_authority(hub: Hub, box: Box) -> None:
    hub.now = NOW + (AUTHORITY_DAYS - 1) * DAY
    await hub.code()
    done = await hub.ask(box.enrols())
    ends = x509.load_der_x509_certificate(done.der).not_valid_after_utc
    assert ends == hub.authority.certificate.not_valid_after_utc


# --- codes ----------------------------------------------------------------------------------------------


async def test_a_code_is_for_one_key_which_may_ask_again_if_the_answer_was_lost(hub: Hub, box: Box) -> None:
    await hub.code()
    first = await hub.ask(box.enrols())
    again = await hub.ask(box.enrols())
    assert again.again and (again.der, again.serial) == (first.der, first.serial)
    await hub.refuses(Box().enrols(), "used by somebody else")
    hub.now += WEEK
    await hub.refuses(box.enrols(), "expired")


async def test_a_code_ends_with_time_and_with_the_next_one(hub: Hub, box: Box) -> None:
    await hub.code()
    hub.now += WEEK
    await hub.refuses(box.enrols(), "expired")
    await hub.code(b"earlier.")
    await hub.code(b"newer...")
    await hub.refuses(box.enrols(identity=b"earlier."), "withdrawn, or a newer one")
    assert (await hub.ask(box.enrols(identity=b"newer..."))).holder == Holder("hp1")


async def test_a_wrong_secret_and_a_code_that_is_none_get_nothing(hub: Hub, box: Box) -> None:
    await hub.code()
    wrong = await hub.refuses(box.enrols(secret=bytes(16)), "proof was not made with this code")
    assert (wrong.holder, wrong.wrong_proof) == (Holder("hp1"), True)
    unknown = await hub.refuses(box.enrols(identity=bytes(8)), "no such code")
    assert (unknown.holder, unknown.wrong_proof) == (Holder(), False)


async def test_a_proof_is_good_for_its_own_request_only(hub: Hub, box: Box) -> None:
    await hub.code()
    overheard, thief = box.enrols(), Box()
    stolen = Enrol(IDENTITY, certificate_request(thief.key), overheard.proof)
    await hub.refuses(stolen, "proof was not made")


async def test_after_some_wrong_proofs_a_code_is_dead(hub: Hub, box: Box) -> None:
    await hub.code()
    for _ in range(MAX_WRONG):
        await hub.registry.run(count_wrong, IDENTITY)
    await hub.refuses(box.enrols(), "too many wrong proofs")
    await hub.code(bytes(8))
    assert (await hub.ask(box.enrols(identity=bytes(8)))).account == BOX


async def test_nothing_in_the_registry_lets_anybody_enrol(hub: Hub, box: Box) -> None:
    """Who reads the verifier can make no proof of it: it is a public key."""
    await hub.code()
    await hub.refuses(box.enrols(secret=verifier_of(SECRET)[:16]), "proof was not made")
    assert SECRET not in verifier_of(SECRET)


async def test_a_removed_heat_pump_takes_its_code_and_its_certificates_along(hub: Hub, box: Box) -> None:
    await hub.code()
    done = await hub.ask(box.enrols())
    assert await hub.revoked() == []
    await hub.registry.run(remove_heat_pump, "hp1", now=hub.now)
    assert await hub.revoked() == [f"{done.serial:X}"]
    await hub.refuses(box.enrols(), "no such code")
    await hub.refuses(box.renews(done.serial, new_key()), "no such certificate")
    hub.now += 30 * DAY
    assert await hub.revoked() == [], "what has run out needs no place in the list"


# --- requests -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["box2@boxes.example.org", "box1@boxes.example.org/IEC", "BOX1@boxes.example.org"]
)
async def test_a_request_in_another_name_is_refused(hub: Hub, box: Box, name: str) -> None:
    await hub.code()
    await hub.refuses(box.enrols(name), "names somebody else")
    assert (await hub.ask(box.enrols(BOX))).account == BOX, "and has not used the code up"


async def test_a_request_for_more_names_is_refused(hub: Hub, box: Box) -> None:
    await hub.code()
    names = x509.SubjectAlternativeName([xmpp_name(BOX), x509.DNSName("boxes.example.org")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    csr = builder.add_extension(names, critical=False).sign(box.key, hashes.SHA256())
    request = csr.public_bytes(Encoding.DER)
    await hub.refuses(Enrol(IDENTITY, request, prove(SECRET, request)), "names somebody else")


def _other_key(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return csr.public_bytes(Encoding.DER)


def _badly_signed() -> bytes:
    request = bytearray(certificate_request(new_key()))
    request[-1] ^= 1
    return bytes(request)


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"no DER",
        certificate_request(new_key())[:-5],
        _badly_signed(),
        _other_key(ec.generate_private_key(ec.SECP384R1())),
        _other_key(rsa.generate_private_key(65537, 2048)),
    ],
    ids=["empty", "no DER", "cut", "badly signed", "other curve", "RSA"],
)
async def test_what_is_no_request_of_ours_is_told_so_whatever_the_code(hub: Hub, request_: bytes) -> None:
    await hub.code()
    for identity in (IDENTITY, bytes(8)):
        with pytest.raises(BadRequest):
            await hub.ask(Enrol(identity, request_, prove(SECRET, request_)))


# --- renewal --------------------------------------------------------------------------------------------


async def test_a_certificate_is_renewed_by_its_key_and_the_former_one_goes_on(hub: Hub, box: Box) -> None:
    await hub.code()
    first = await hub.ask(box.enrols())
    hub.now += 20 * DAY
    after = Box()
    second = await hub.ask(box.renews(first.serial, after.key, BOX), BOX)
    assert second.serial != first.serial and second.account == BOX
    assert is_for(x509.load_der_x509_certificate(second.der), after.key, BOX)
    assert await hub.revoked() == [], "the box may not have got the answer"
    await hub.refuses(
        after.renews(first.serial, new_key()), "proof was not made with the certificate's key", BOX
    )
    await hub.refuses(box.renews(second.serial, new_key()), "proof was not made", BOX)


async def test_a_certificate_that_ran_out_is_renewed_as_guest_for_a_while(hub: Hub, box: Box) -> None:
    await hub.code()
    first = await hub.ask(box.enrols())
    hub.now += 30 * DAY + GRACE - 1
    assert (await hub.ask(box.renews(first.serial, new_key()))).account == BOX
    hub.now += 1
    await hub.refuses(box.renews(first.serial, new_key()), "too long ago")


async def test_nobody_renews_for_another_box_or_with_what_was_revoked(hub: Hub, box: Box) -> None:
    await hub.code()
    first = await hub.ask(box.enrols())
    await hub.refuses(box.renews(first.serial, new_key()), "somebody else's", "box2@boxes.example.org")
    await hub.refuses(box.renews(first.serial, new_key(), "box2@boxes.example.org"), "names somebody else")
    await hub.refuses(box.renews(1, new_key()), "no such certificate")
    await hub.registry.run(revoked, hub.now)
    await hub.refuses(box.renews(first.serial, new_key()), "revoked", BOX)


# --- shut out -------------------------------------------------------------------------------------------


async def _revoke(hub: Hub) -> None:
    await hub.registry.run(shut_out, "hp1", hub.now)
    await hub.registry.run(withdraw_codes, Holder("hp1"), hub.now)
    await hub.registry.run(revoked, hub.now)


async def test_a_box_that_is_shut_out_is_nobody_until_a_new_code_is_used(hub: Hub, box: Box) -> None:
    await hub.code()
    first = await hub.ask(box.enrols())
    await hub.code(bytes(8))
    await _revoke(hub)
    rows = await hub.registry.read(list_heat_pumps)
    assert rows[0].box.endswith("@shut-out.invalid"), "router, collector and operations know no other"
    assert await hub.revoked() == [f"{first.serial:X}"]
    await hub.refuses(box.enrols(identity=bytes(8)), "withdrawn")
    await hub.refuses(box.enrols(), "counts no more")
    await hub.refuses(box.renews(first.serial, new_key()), "no such certificate")
    with pytest.raises(Conflict, match="already"):
        await hub.registry.run(shut_out, "hp1", hub.now)

    await hub.code(b"12345678", bytes(16))
    listed = (await hub.registry.read(ways_of_boxes, hub.now))[0]
    assert (listed.account, listed.shut_out_at, listed.serial) == (BOX, NOW, None)
    replaced = Box()
    assert (await hub.ask(replaced.enrols(secret=bytes(16), identity=b"12345678"))).account == BOX
    assert (await hub.registry.read(list_heat_pumps))[0].box == BOX
    assert await hub.revoked() == [f"{first.serial:X}"], "the stolen one stays out"


async def test_a_box_is_let_in_again_unless_its_account_is_anothers_now(hub: Hub) -> None:
    await _revoke(hub)
    await hub.registry.run(let_in, "hp1")
    with pytest.raises(Conflict, match="not shut out"):
        await hub.registry.run(let_in, "hp1")
    await _revoke(hub)
    await hub.registry.run(add_heat_pump, HeatPump("hp3", BOX), hub_domain="hub.example.org", now=NOW)
    with pytest.raises(Conflict, match="hp3"):
        await hub.registry.run(let_in, "hp1")


async def test_a_new_code_ends_the_certificates_before_it(hub: Hub, box: Box) -> None:
    await hub.code()
    first = await hub.ask(box.enrols())
    await hub.code(bytes(8))
    assert await hub.revoked() == [], "the box works until the new one is there"
    await hub.ask(Box().enrols(identity=bytes(8)))
    assert await hub.revoked() == [f"{first.serial:X}"]


async def test_what_ran_out_long_ago_is_forgotten(hub: Hub, box: Box, registry_url: str) -> None:
    def kept() -> int:
        with sqlite3.connect(registry_url.removeprefix("sqlite+aiosqlite:///")) as connection:
            return int(connection.execute("SELECT count(*) FROM certificate").fetchone()[0])

    await hub.code()
    serial = (await hub.ask(box.enrols())).serial
    for _ in range(30):  # two and a half years, a renewal each 30 days
        hub.now += 30 * DAY
        after = Box()
        serial = (await hub.ask(box.renews(serial, after.key))).serial
        box = after
    assert 12 < kept() < 16


def test_what_prometheus_is_told() -> None:
    snapshot = EnrolmentSnapshot(link_up=True, in_hand=2, revoked=3, answers=Counter(issued=4, refused=5))
    told = {
        sample.name + "".join(sample.labels.values()): sample.value
        for metric in EnrolmentMetrics(lambda: snapshot).collect()
        for sample in metric.samples
    }
    assert told == {
        "enrol_link_up": 1.0,
        "enrol_in_hand": 2,
        "enrol_revoked": 3,
        "enrol_answers_totalissued": 4,
        "enrol_answers_totalrefused": 5,
    }


# --- the authority's files --------------------------------------------------------------------------------


def test_an_authority_is_loaded_with_its_passphrase_and_with_nothing_else() -> None:
    key, certificate = authority_as_pem(make_authority("Boxes", NOW), b"open sesame")
    assert b"ENCRYPTED" in key
    assert Authority.load(key, certificate, b"open sesame", NOW).certificate.issuer
    for passphrase in (b"open sesam", None):
        with pytest.raises(UnusableAuthority, match="passphrase"):
            Authority.load(key, certificate, passphrase, NOW)


def test_key_and_certificate_of_the_authority_must_fit_and_be_in_force() -> None:
    mine, other = (authority_as_pem(make_authority(name, NOW), None) for name in ("a", "b"))
    with pytest.raises(UnusableAuthority, match="belong together"):
        Authority.load(mine[0], other[1], None, NOW)
    with pytest.raises(UnusableAuthority, match="run out"):
        Authority.load(*mine, None, NOW + (AUTHORITY_DAYS + 1) * DAY)
    leaf = Authority.load(*mine, None, NOW).issue(new_key().public_key(), BOX, 7, NOW, 30)
    with pytest.raises(UnusableAuthority, match="belong together"):
        Authority.load(mine[0], leaf.public_bytes(Encoding.PEM), None, NOW)


# --- providers ------------------------------------------------------------------------------------------

AGG = Holder(provider="agg")
JID = "agg@providers.example.org"


@pytest.fixture
async def with_provider(hub: Hub) -> Hub:
    """Provider agg too, with an open code."""
    new = Provider("agg", JID)
    await hub.registry.run(add_provider, new, hub_domain="hub.example.org", now=NOW)
    await hub.registry.run(add_code, AGG, IDENTITY, verifier_of(SECRET), now=hub.now, expires=hub.now + WEEK)
    return hub


def as_provider(asked: Enrol) -> Enrol:
    return replace(asked, provider=True)


async def test_a_provider_enrols_and_renews_as_a_box_does(with_provider: Hub, box: Box) -> None:
    hub = with_provider
    refused = await hub.refuses(box.enrols(), "a code for a provider, and a box asks")
    assert refused.holder == AGG
    first = await hub.ask(as_provider(box.enrols()))
    assert (first.holder, first.account) == (AGG, JID)
    assert is_for(x509.load_der_x509_certificate(first.der), box.key, JID)
    assert (await hub.ask(as_provider(box.enrols()))).again, "the answer may have been lost"
    await hub.refuses(as_provider(Box().enrols()), "used by somebody else")
    second = await hub.ask(box.renews(first.serial, new_key(), JID), JID)
    assert second.account == JID
    await hub.refuses(box.renews(first.serial, new_key()), "somebody else's", BOX)
    (way,) = await hub.registry.read(ways_of_providers, hub.now)
    assert (way.account, way.serial, way.code_expires) == (JID, f"{second.serial:X}", None)
    assert {one.serial for one in await hub.registry.read(ways_of_boxes, hub.now)} == {None}


async def test_a_box_gets_nothing_by_pretending_to_be_a_provider(hub: Hub, box: Box) -> None:
    await hub.code()
    await hub.refuses(as_provider(box.enrols()), "the other way round")


async def test_a_provider_that_is_shut_out_is_nobody_until_a_new_code_is_used(
    with_provider: Hub, box: Box
) -> None:
    hub = with_provider
    first = await hub.ask(as_provider(box.enrols()))

    def revoke(session: Session) -> None:
        row, jid = shut_out_provider(session, "agg", hub.now)
        assert jid == JID and row.jid.endswith("@shut-out.invalid")
        assert revoke_certificates(session, row, hub.now) == 1

    await hub.registry.run(revoke)
    assert await hub.revoked() == [f"{first.serial:X}"]
    await hub.refuses(box.renews(first.serial, new_key()), "no such certificate")
    await hub.refuses(as_provider(box.enrols()), "counts no more")
    with pytest.raises(Conflict, match="already"):
        await hub.registry.run(shut_out_provider, "agg", hub.now)
    await hub.registry.run(
        add_code, AGG, b"12345678", verifier_of(bytes(16)), now=hub.now, expires=hub.now + WEEK
    )
    fresh = await hub.ask(as_provider(Box().enrols(secret=bytes(16), identity=b"12345678")))
    assert fresh.account == JID
    assert (await hub.registry.read(get_provider, "agg")).jid == JID
    with pytest.raises(Conflict, match="not shut out"):
        await hub.registry.run(let_in_provider, "agg")
    await hub.registry.run(remove_provider, "agg", now=hub.now)
    assert set(await hub.revoked()) == {f"{first.serial:X}", f"{fresh.serial:X}"}
