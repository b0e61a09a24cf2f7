"""One-time codes and certificates of boxes: made, used, listed."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from hub.registry.enrolment_models import CertificateRow, EnrolmentCodeRow, ShutOutRow
from hub.registry.lookup import get_heat_pump
from hub.registry.models import HeatPumpRow
from hub.registry.routers import next_revision
from hub.registry.shut_out import account_of, let_in_again

KEPT_CERTIFICATES = 365 * 86_400.0
"""Seconds a certificate is kept after its end: longer than it could be renewed by its key."""
KEPT_CODES = 30 * 86_400.0
"""Seconds a code is kept after it can no longer be used; what became of it stands in the audit."""


@dataclass(frozen=True, slots=True)
class CodeRecord:
    """A code of a heat pump that is there. ``serial``: what it was used for."""

    heat_pump: str
    box: str
    verifier: bytes
    expires: float
    ended: bool
    wrong: int
    serial: int | None


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """A certificate of a heat pump that is there and whose box has the account it names."""

    heat_pump: str
    box: str
    der: bytes
    ends: float
    revoked: bool


@dataclass(frozen=True, slots=True)
class BoxRecord:
    """What is known of a box's way in. Of ``certificate_ends`` and ``code_expires`` the last counts."""

    heat_pump: str
    box: str
    shut_out_at: float | None
    serial: str | None
    certificate_ends: float | None
    code_expires: float | None


def add_code(
    session: Session, heat_pump: str, identity: bytes, verifier: bytes, *, now: float, expires: float
) -> EnrolmentCodeRow:
    """A new code for a heat pump's box; those before it end. Raises NotFound."""
    pump = get_heat_pump(session, heat_pump)
    _end_codes(session, pump.pk, now)
    session.execute(delete(EnrolmentCodeRow).where(EnrolmentCodeRow.expires < now - KEPT_CODES))
    row = EnrolmentCodeRow(
        identity=identity.hex(), verifier=verifier.hex(), heat_pump_pk=pump.pk, box=account_of(session, pump),
        created=now, expires=expires, ended=None, wrong=0, serial=None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def find_code(session: Session, identity: bytes) -> CodeRecord | None:
    """The code, used or not; None if there is none, or its heat pump is gone."""
    found = session.execute(
        select(EnrolmentCodeRow, HeatPumpRow.id)
        .join(HeatPumpRow, EnrolmentCodeRow.heat_pump_pk == HeatPumpRow.pk)
        .where(EnrolmentCodeRow.identity == identity.hex(), HeatPumpRow.removed_at.is_(None))
    ).first()
    if found is None:
        return None
    row, heat_pump = found
    return CodeRecord(
        heat_pump, row.box, bytes.fromhex(row.verifier), row.expires, row.ended is not None, row.wrong,
        None if row.serial is None else int(row.serial, 16),
    )  # fmt: skip


def count_wrong(session: Session, identity: bytes) -> None:
    """Somebody gave a proof that is none."""
    session.execute(
        update(EnrolmentCodeRow)
        .where(EnrolmentCodeRow.identity == identity.hex())
        .values(wrong=EnrolmentCodeRow.wrong + 1)
    )


def use_code(session: Session, identity: bytes, serial: int, der: bytes, *, now: float, ends: float) -> None:
    """The code has been used for this certificate: the box's way in from now on, whatever was before."""
    row = session.get_one(EnrolmentCodeRow, identity.hex())
    row.ended, row.serial = now, f"{serial:X}"
    pump = session.get_one(HeatPumpRow, row.heat_pump_pk)
    revoke_certificates(session, pump.pk, now)
    _forget_old(session, pump.pk, now)
    session.add(_certificate(pump.pk, row.box, serial, der, now, ends))
    session.flush()
    if session.get(ShutOutRow, pump.pk) is not None:
        let_in_again(session, pump, next_revision(session))


def find_certificate(session: Session, serial: int) -> CertificateRecord | None:
    """The certificate with this serial number, of a heat pump that is there under the same account."""
    found = session.execute(
        select(CertificateRow, HeatPumpRow.id)
        .join(HeatPumpRow, CertificateRow.heat_pump_pk == HeatPumpRow.pk)
        .where(
            CertificateRow.serial == f"{serial:X}",
            HeatPumpRow.removed_at.is_(None),
            HeatPumpRow.box == CertificateRow.box,
        )
    ).first()
    if found is None:
        return None
    row, heat_pump = found
    return CertificateRecord(heat_pump, row.box, row.der, row.ends, row.revoked_at is not None)


def add_certificate(
    session: Session, heat_pump: str, serial: int, der: bytes, *, now: float, ends: float
) -> None:
    """The next certificate of a heat pump's box; the former ones run out by themselves. Raises NotFound."""
    pump = get_heat_pump(session, heat_pump)
    _forget_old(session, pump.pk, now)
    session.add(_certificate(pump.pk, pump.box, serial, der, now, ends))
    session.flush()


def revoke_certificates(session: Session, heat_pump_pk: int, now: float) -> int:
    """None of a heat pump's certificates counts any more; returns how many did."""
    which = (CertificateRow.heat_pump_pk == heat_pump_pk) & CertificateRow.revoked_at.is_(None)
    revoked = list(session.scalars(select(CertificateRow.serial).where(which, CertificateRow.ends > now)))
    session.execute(update(CertificateRow).where(which).values(revoked_at=now))
    return len(revoked)


def withdraw_codes(session: Session, heat_pump: str, now: float) -> None:
    """No code of a heat pump counts any more. Raises NotFound."""
    _end_codes(session, get_heat_pump(session, heat_pump).pk, now)


def revoked_serials(session: Session, now: float) -> list[str]:
    """The serial numbers a server must refuse: revoked, or of removed heat pumps, and not yet run out."""
    return list(
        session.scalars(
            select(CertificateRow.serial)
            .join(HeatPumpRow, CertificateRow.heat_pump_pk == HeatPumpRow.pk)
            .where(
                CertificateRow.ends > now,
                or_(CertificateRow.revoked_at.is_not(None), HeatPumpRow.removed_at.is_not(None)),
            )
            .order_by(CertificateRow.serial)
        )
    )


def list_boxes(session: Session, now: float) -> list[BoxRecord]:
    """Every heat pump's box and its way in."""
    certificates: dict[int, CertificateRow] = {}
    for row in session.scalars(
        select(CertificateRow).where(CertificateRow.revoked_at.is_(None)).order_by(CertificateRow.issued)
    ):
        certificates[row.heat_pump_pk] = row
    codes: dict[int, float] = dict(
        session.execute(
            select(EnrolmentCodeRow.heat_pump_pk, EnrolmentCodeRow.expires).where(
                EnrolmentCodeRow.ended.is_(None), EnrolmentCodeRow.expires > now
            )
        ).all()
    )
    out = {row.heat_pump_pk: row for row in session.scalars(select(ShutOutRow))}
    pumps = session.scalars(
        select(HeatPumpRow).where(HeatPumpRow.removed_at.is_(None)).order_by(HeatPumpRow.id)
    )
    return [
        BoxRecord(
            pump.id,
            out[pump.pk].box if pump.pk in out else pump.box,
            out[pump.pk].at if pump.pk in out else None,
            certificates[pump.pk].serial if pump.pk in certificates else None,
            certificates[pump.pk].ends if pump.pk in certificates else None,
            codes.get(pump.pk),
        )
        for pump in pumps
    ]


def _certificate(
    heat_pump_pk: int, box: str, serial: int, der: bytes, now: float, ends: float
) -> CertificateRow:
    return CertificateRow(
        serial=f"{serial:X}", heat_pump_pk=heat_pump_pk, box=box, der=der, issued=now, ends=ends,
        revoked_at=None,
    )  # fmt: skip


def _forget_old(session: Session, heat_pump_pk: int, now: float) -> None:
    session.execute(
        delete(CertificateRow).where(
            CertificateRow.heat_pump_pk == heat_pump_pk, CertificateRow.ends < now - KEPT_CERTIFICATES
        )
    )


def _end_codes(session: Session, heat_pump_pk: int, now: float) -> None:
    session.execute(
        update(EnrolmentCodeRow)
        .where(EnrolmentCodeRow.heat_pump_pk == heat_pump_pk, EnrolmentCodeRow.ended.is_(None))
        .values(ended=now)
    )
