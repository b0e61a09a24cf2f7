"""A request answered in one transaction: judged, certified, and kept. Plain functions over a Session."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy.orm import Session

from hub.enrolment.authority import Authority
from hub.enrolment.judging import judge_enrolment, judge_renewal, judge_repeat
from hub.registry import (
    CertificateRecord,
    CodeRecord,
    Holder,
    add_certificate,
    find_certificate,
    find_code,
    use_code,
)
from iec61850_model.enrolment.messages import Enrol, Renew


@dataclass(frozen=True, slots=True)
class Terms:
    """By whom, for how many days, and from which domain guests come."""

    authority: Authority
    days: float
    guests: str


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate (DER) and whose it is. ``again``: it had been given before."""

    holder: Holder
    account: str
    serial: int
    der: bytes
    again: bool = False


@dataclass(frozen=True, slots=True)
class _Cleared:
    """Who may have a certificate, or has one already."""

    key: ec.EllipticCurvePublicKey
    record: CodeRecord | CertificateRecord
    earlier: Certified | None = None


def clear(session: Session, terms: Terms, asked: Enrol | Renew, sender: str, now: float) -> _Cleared:
    """Whether it may be certified; writes nothing. Raises Refused, BadRequest."""
    if isinstance(asked, Renew):
        record = find_certificate(session, asked.serial)
        key = judge_renewal(record, asked, sender, terms.guests, now)
        assert record is not None
        return _Cleared(key, record)
    code = find_code(session, asked.identity)
    key = judge_enrolment(code, asked, now)
    assert code is not None
    if code.serial is None:
        return _Cleared(key, code)
    earlier = find_certificate(session, code.serial)
    judge_repeat(earlier, key, code.holder)
    assert earlier is not None
    given = Certified(code.holder, code.account, code.serial, earlier.der, again=True)
    return _Cleared(key, code, given)


def certify(session: Session, terms: Terms, asked: Enrol | Renew, sender: str, now: float) -> Certified:
    """Certify and keep it. Raises Refused, BadRequest, Conflict if the account has become another's."""
    cleared = clear(session, terms, asked, sender, now)
    if cleared.earlier is not None:
        return cleared.earlier
    record, serial = cleared.record, x509.random_serial_number()
    certificate = terms.authority.issue(cleared.key, record.account, serial, now, terms.days)
    der, ends = certificate.public_bytes(Encoding.DER), certificate.not_valid_after_utc.timestamp()
    if isinstance(asked, Enrol):
        use_code(session, asked.identity, serial, der, now=now, ends=ends)
    else:
        add_certificate(session, record.holder, serial, der, now=now, ends=ends)
    return Certified(record.holder, record.account, serial, der)
