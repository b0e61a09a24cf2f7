"""May this request have a certificate? Everything but limits, as plain functions: records and time passed in.

Who may not is told the same whatever the reason: only the log and the audit say it.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from hub.enrolment.authority import DAY, ForeignName, key_of_request, require_own_name
from hub.registry import CertificateRecord, CodeRecord, Holder
from iec61850_model.enrolment.keys import proves, proves_renewal, verifier_of
from iec61850_model.enrolment.messages import Enrol, Renew

MAX_WRONG = 10
"""Proofs that are none after which a code is dead: nobody types one wrong so often."""
GRACE = 90 * DAY
"""Seconds after its end in which a certificate can be renewed by its key: a box may come back from a winter
in a drawer without anybody's help."""
_NOBODYS = verifier_of(bytes(16))
NOBODY_KNOWN = Holder()


class Refused(Exception):
    """No certificate; the text is for the log, never for who asks. ``holder`` is known if the code is."""

    def __init__(self, reason: str, holder: Holder = NOBODY_KNOWN, *, wrong_proof: bool = False) -> None:
        super().__init__(reason)
        self.holder = holder
        self.wrong_proof = wrong_proof


def judge_enrolment(code: CodeRecord | None, asked: Enrol, now: float) -> ec.EllipticCurvePublicKey:
    """The key to certify for the code's holder. Raises Refused, BadRequest (whatever the code).

    A code that was used is good for its own key once more: the answer may have been lost. ``code.serial``
    says so.
    """
    key, names = key_of_request(asked.request)
    # The same work whether there is such a code or not.
    proven = proves(code.verifier if code else _NOBODYS, asked.request, asked.proof)
    if code is None:
        raise Refused("there is no such code")
    if code.wrong >= MAX_WRONG:
        raise Refused("too many wrong proofs were given for this code", code.holder)
    if not proven:
        raise Refused("the proof was not made with this code", code.holder, wrong_proof=True)
    if asked.provider != bool(code.holder.provider):
        raise Refused("it is a code for a provider, and a box asks, or the other way round", code.holder)
    if now >= code.expires:
        raise Refused("the code has expired", code.holder)
    if code.ended and code.serial is None:
        raise Refused("the code was withdrawn, or a newer one was made", code.holder)
    _require_name(names, code.account, code.holder)
    return key


def judge_repeat(earlier: CertificateRecord | None, key: ec.EllipticCurvePublicKey, holder: Holder) -> None:
    """Raise Refused unless a used code is shown with the key it was used for, and that still counts."""
    if earlier is None or earlier.revoked:
        raise Refused("the code was used, and its certificate counts no more", holder)
    if x509.load_der_x509_certificate(earlier.der).public_key() != key:
        raise Refused("the code was used by somebody else", holder)


def judge_renewal(
    certificate: CertificateRecord | None, asked: Renew, sender: str, guests: str, now: float
) -> ec.EllipticCurvePublicKey:
    """The key to certify next. ``sender`` is a bare JID, ``guests`` the domain of those who have none.

    Raises Refused, BadRequest.
    """
    key, names = key_of_request(asked.request)
    if certificate is None:
        raise Refused("there is no such certificate")
    holder = certificate.holder
    if sender != certificate.account and sender.rpartition("@")[2] != guests:
        raise Refused("it is somebody else's certificate", holder)
    if not proves_renewal(x509.load_der_x509_certificate(certificate.der), asked.request, asked.proof):
        raise Refused("the proof was not made with the certificate's key", holder)
    if certificate.revoked:
        raise Refused("the certificate is revoked", holder)
    if now >= certificate.ends + GRACE:
        raise Refused("the certificate ran out too long ago", holder)
    _require_name(names, certificate.account, holder)
    return key


def _require_name(names: list[x509.GeneralName], account: str, holder: Holder) -> None:
    try:
        require_own_name(names, account)
    except ForeignName as foreign:
        raise Refused(str(foreign), holder) from None
