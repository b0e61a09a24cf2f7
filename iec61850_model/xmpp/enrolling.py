"""What a box or provider asks the enrolment component, and what it believes of the answers."""

from __future__ import annotations

import hmac
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from iec61850_model.enrolment.code import EnrolmentCode, enrolment_address, fingerprint_of, guest_domain
from iec61850_model.enrolment.keys import certificate_request, is_for, new_key, prove, prove_renewal
from iec61850_model.enrolment.messages import (
    AskAuthorities,
    Authorities,
    Enrol,
    Issued,
    Malformed,
    Renew,
    Request,
    decode_answer,
    encode_request,
)
from iec61850_model.xmpp.errors import StanzaError, XmppError
from iec61850_model.xmpp.guest import any_server, guest, only_believing
from iec61850_model.xmpp.identity import AUTHORITIES_NAME, IDENTITY_NAME, Identity, write_private
from iec61850_model.xmpp.questions import Questions
from iec61850_model.xmpp.settings import ConnectionSettings, normalized

ANSWER_TIMEOUT = 45.0
"""Seconds for an answer: one that says no may be held back for 30."""

_WHY = {
    "not-authorized": (
        "the hub does not take it: a code is good for one box (hpbox enrol) or provider (hpclient enrol) and"
        " some days, and void once a newer one was made; a certificate must not be revoked. Ask the hub's"
        " operator for a new code"
    ),
    "resource-constraint": "too many are asking at the moment: try again in some minutes",
    "service-unavailable": "nobody is there who gives certificates: is the hub's enrolment running?",
    "remote-server-not-found": "nobody is there who gives certificates: is the hub's enrolment running?",
    "internal-server-error": "the hub has trouble of its own: try again later",
}


class EnrolmentFailed(Exception):
    """There is no certificate; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What who asked has learned: the account (bare), its hub and collector, its identity, whom to believe.

    ``authorities``: PEM of those that vouch for the server; empty: public ones.
    """

    jid: str
    hub: str
    collector: str
    identity: Identity
    authorities: str

    def write(self, folder: Path) -> None:
        """Identity and authorities to their files, for the owner only. Raises OSError."""
        self.identity.write(folder / IDENTITY_NAME)
        if self.authorities:
            write_private(folder / AUTHORITIES_NAME, self.authorities.encode("ascii"))


async def enrol(code: EnrolmentCode, key: ec.EllipticCurvePrivateKey, *, provider: bool = False) -> Enrolled:
    """Get a certificate for this key by a one-time code for a box, or for a ``provider``.

    Raises EnrolmentFailed, ConnectionFailed.

    First any server may say which authorities it goes by; they are believed only if they are those of the
    code. From then on only a server they vouch for is spoken to, and only it gets the request.
    """
    settings = guest_settings(code.hub, code.host or None, code.port)
    authorities = ""
    if code.fingerprint:
        async with guest(settings, any_server()) as questions:
            answer = await _ask(questions, code.hub, AskAuthorities())
        authorities = _believed(answer, code.fingerprint)
    request = certificate_request(key)
    asked = Enrol(code.identity, request, prove(code.secret, request), provider)
    async with guest(settings, only_believing(authorities)) as questions:
        answer = await _ask(questions, code.hub, asked)
    enrolled = _enrolled(answer, key)
    if enrolled.hub != normalized(code.hub):
        raise EnrolmentFailed(f"the answer is of hub {enrolled.hub[:100]!r}, the code of {code.hub}")
    return enrolled


async def renew(questions: Questions, hub: str, identity: Identity, jid: str) -> Enrolled:
    """Get the next certificate, for a new key, by the one there is. Raises EnrolmentFailed, XmppError."""
    key = new_key()
    request = certificate_request(key, jid)
    serial = identity.certificate.serial_number
    answer = await _ask(questions, hub, Renew(serial, request, prove_renewal(identity.key, serial, request)))
    enrolled = _enrolled(answer, key)
    if (enrolled.jid, enrolled.hub) != (jid, hub):
        raise EnrolmentFailed(f"the answer is for {enrolled.jid[:100]!r} at {enrolled.hub[:100]!r}")
    return enrolled


def guest_settings(hub: str, host: str | None, port: int | None) -> ConnectionSettings:
    """How to come in as a guest; without a host DNS says where."""
    return ConnectionSettings(guest_domain(hub), host=host, port=port if host else None)


async def _ask(questions: Questions, hub: str, request: Request) -> Authorities | Issued:
    try:
        children: Sequence[Element] = await questions.ask(
            enrolment_address(hub), request.type, encode_request(request), ANSWER_TIMEOUT
        )
        return decode_answer(children)
    except StanzaError as error:
        raise EnrolmentFailed(_WHY.get(error.condition, f"the hub answers {error}")) from None
    except Malformed as error:
        raise EnrolmentFailed(
            f"the hub answers in a way not known here: {error}: update this program"
        ) from None
    except XmppError as error:
        raise EnrolmentFailed(f"the hub did not answer: {error}") from None


def _believed(answer: Authorities | Issued, fingerprint: bytes) -> str:
    """The authorities in PEM, if they are those of the code."""
    found = answer.certificates if isinstance(answer, Authorities) else ()
    if not hmac.compare_digest(fingerprint_of(found), fingerprint):
        raise EnrolmentFailed(
            "this is not the server that the code was made for: its authority has another fingerprint."
            " Somebody may be in between; nothing was sent that helps him"
        )
    return _pem(found)


def _enrolled(answer: Authorities | Issued, key: ec.EllipticCurvePrivateKey) -> Enrolled:
    if not isinstance(answer, Issued):
        raise EnrolmentFailed("the hub answers something else than was asked")
    try:
        jid, hub, collector = (normalized(one) for one in (answer.jid, answer.hub, answer.collector))
        certificate = x509.load_der_x509_certificate(answer.certificate)
        fits = is_for(certificate, key, jid)
        authorities = _pem(answer.authorities)
    except ValueError as error:
        raise EnrolmentFailed(f"the hub's answer cannot be read: {error}") from None
    if not fits or "/" in jid + hub + collector or "@" in hub + collector or "@" not in jid:
        raise EnrolmentFailed("the hub's certificate is for somebody else")
    return Enrolled(jid, hub, collector, Identity(key, certificate), authorities)


def _pem(certificates: Sequence[bytes]) -> str:
    for one in certificates:
        x509.load_der_x509_certificate(one)
    return "".join(map(ssl.DER_cert_to_PEM_cert, certificates))
