"""May this request have a certificate? Everything but limits, as plain functions: records and time passed in.

Who may not is told the same whatever the reason: only the log and the audit say it.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from hub.enrolment.authority import DAY, ForeignName, key_of_request, require_own_name
from hub.registry import CertificateRecord, CodeRecord
from iec61850_model.enrolment.keys import proves, proves_renewal, verifier_of
from iec61850_model.enrolment.messages import Enrol, Renew

MAX_WRONG = 10
"""Proofs that are none after which a code is dead: nobody types one wrong so often."""
GRACE = 90 * DAY
"""Seconds after its end in which a certificate can be renewed by its key: a box may come back from a winter
in a drawer without anybody's help."""
_NOBODYS = verifier_of(bytes(16))


class Refused(Exception):
    """No certificate; the text is for the log, never for who asks. ``heat_pump`` is known if the code is."""

    def __init__(self, reason: str, heat_pump: str = "", *, wrong_proof: bool = False) -> None:
        super().__init__(reason)
        self.heat_pump = heat_pump
        self.wrong_proof = wrong_proof


def judge_enrolment(code: CodeRecord | None, asked: Enrol, now: float) -> ec.EllipticCurvePublicKey:
    """The key to certify for the code's box. Raises Refused, BadRequest (whatever the code).

    A code that was used is good for its own key once more: the answer may have been lost. ``code.serial``
    says so.
    """
    key, names = key_of_request(asked.request)
    # The same work whether there is such a code or not.
    proven = proves(code.verifier if code else _NOBODYS, asked.request, asked.proof)
    if code is None:
        raise Refused("there is no such code")
    if code.wrong >= MAX_WRONG:
        raise Refused("too many wrong proofs were given for this code", code.heat_pump)
    if not proven:
        raise Refused("the proof was not made with this code", code.heat_pump, wrong_proof=True)
    if now >= code.expires:
        raise Refused("the code has expired", code.heat_pump)
    if code.ended and code.serial is None:
        raise Refused("the code was withdrawn, or a newer one was made", code.heat_pump)
    _require_name(names, code.box, code.heat_pump)
    return key


def judge_repeat(earlier: CertificateRecord | None, key: ec.EllipticCurvePublicKey, heat_pump: str) -> None:
    """Raise Refused unless a used code is shown with the key it was used for, and that still counts."""
    if earlier is None or earlier.revoked:
        raise Refused("the code was used, and its certificate counts no more", heat_pump)
    if x509.load_der_x509_certificate(earlier.der).public_key() != key:
        raise Refused("the code was used by somebody else", heat_pump)


def judge_renewal(
    certificate: CertificateRecord | None, asked: Renew, sender: str, guests: str, now: float
) -> ec.EllipticCurvePublicKey:
    """The key to certify next. ``sender`` is a bare JID, ``guests`` the domain of those who have none.

    Raises Refused, BadRequest.
    """
    key, names = key_of_request(asked.request)
    if certificate is None:
        raise Refused("there is no such certificate")
    heat_pump = certificate.heat_pump
    if sender != certificate.box and sender.rpartition("@")[2] != guests:
        raise Refused("it is somebody else's certificate", heat_pump)
    if not proves_renewal(x509.load_der_x509_certificate(certificate.der), asked.request, asked.proof):
        raise Refused("the proof was not made with the certificate's key", heat_pump)
    if certificate.revoked:
        raise Refused("the certificate is revoked", heat_pump)
    if now >= certificate.ends + GRACE:
        raise Refused("the certificate ran out too long ago", heat_pump)
    _require_name(names, certificate.box, heat_pump)
    return key


def _require_name(names: list[x509.GeneralName], box: str, heat_pump: str) -> None:
    try:
        require_own_name(names, box)
    except ForeignName as foreign:
        raise Refused(str(foreign), heat_pump) from None
