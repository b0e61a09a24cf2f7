"""One-time codes and certificates of boxes and providers: made, used, listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.orm import Session

from hub.registry.enrolment_models import CertificateRow, EnrolmentCodeRow
from hub.registry.lookup import get_heat_pump, get_provider
from hub.registry.models import HeatPumpRow, ProviderRow
from hub.registry.routers import next_revision
from hub.registry.shut_out import account_of, is_shut_out, let_in_again

KEPT_CERTIFICATES = 365 * 86_400.0
"""Seconds a certificate is kept after its end: longer than it could be renewed by its key."""
KEPT_CODES = 30 * 86_400.0
"""Seconds a code is kept after it can no longer be used; what became of it stands in the audit."""

HolderRow: TypeAlias = HeatPumpRow | ProviderRow
"""Who has an account: a heat pump that of its box, a provider his own."""


class Holder(NamedTuple):
    """The same by id: one of the two."""

    heat_pump: str = ""
    provider: str = ""

    def row(self, session: Session) -> HolderRow:
        """Raises NotFound."""
        if self.provider:
            return get_provider(session, self.provider)
        return get_heat_pump(session, self.heat_pump)


@dataclass(frozen=True, slots=True)
class CodeRecord:
    """A code of somebody who is there. ``serial``: what it was used for."""

    holder: Holder
    account: str
    verifier: bytes
    expires: float
    ended: bool
    wrong: int
    serial: int | None


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """A certificate of somebody who is there and has the account it names."""

    holder: Holder
    account: str
    der: bytes
    ends: float
    revoked: bool


def add_code(
    session: Session, holder: Holder, identity: bytes, verifier: bytes, *, now: float, expires: float
) -> EnrolmentCodeRow:
    """A new code; those its holder had before end. Raises NotFound."""
    owner = holder.row(session)
    _end_codes(session, owner, now)
    session.execute(delete(EnrolmentCodeRow).where(EnrolmentCodeRow.expires < now - KEPT_CODES))
    row = EnrolmentCodeRow(
        identity=identity.hex(), verifier=verifier.hex(), account=account_of(session, owner), created=now,
        expires=expires, ended=None, wrong=0, serial=None, **_key(owner),
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def find_code(session: Session, identity: bytes) -> CodeRecord | None:
    """The code, used or not; None if there is none, or its holder is gone."""
    found = session.execute(
        select(EnrolmentCodeRow, HeatPumpRow.id, ProviderRow.id)
        .join(HeatPumpRow, EnrolmentCodeRow.heat_pump_pk == HeatPumpRow.pk, isouter=True)
        .join(ProviderRow, EnrolmentCodeRow.provider_pk == ProviderRow.pk, isouter=True)
        .where(
            EnrolmentCodeRow.identity == identity.hex(),
            HeatPumpRow.removed_at.is_(None),
            ProviderRow.removed_at.is_(None),
        )
    ).first()
    if found is None:
        return None
    row, heat_pump, provider = found
    return CodeRecord(
        Holder(heat_pump or "", provider or ""), row.account, bytes.fromhex(row.verifier), row.expires,
        row.ended is not None, row.wrong, None if row.serial is None else int(row.serial, 16),
    )  # fmt: skip


def count_wrong(session: Session, identity: bytes) -> None:
    """Somebody gave a proof that is none."""
    session.execute(
        update(EnrolmentCodeRow)
        .where(EnrolmentCodeRow.identity == identity.hex())
        .values(wrong=EnrolmentCodeRow.wrong + 1)
    )


def use_code(session: Session, identity: bytes, serial: int, der: bytes, *, now: float, ends: float) -> None:
    """The code has been used for this certificate: its holder's way in from now on, whatever was before."""
    row = session.get_one(EnrolmentCodeRow, identity.hex())
    row.ended, row.serial = now, f"{serial:X}"
    owner: HolderRow
    if row.provider_pk is not None:
        owner = session.get_one(ProviderRow, row.provider_pk)
    else:
        owner = session.get_one(HeatPumpRow, row.heat_pump_pk)
    revoke_certificates(session, owner, now)
    _forget_old(session, owner, now)
    session.add(_certificate(owner, row.account, serial, der, now, ends))
    session.flush()
    if is_shut_out(session, owner):
        let_in_again(session, owner, next_revision(session))


def find_certificate(session: Session, serial: int) -> CertificateRecord | None:
    """The certificate with this serial number, of somebody who is there under the same account."""
    here = or_(
        and_(HeatPumpRow.removed_at.is_(None), HeatPumpRow.box == CertificateRow.account),
        and_(ProviderRow.removed_at.is_(None), ProviderRow.jid == CertificateRow.account),
    )
    found = session.execute(
        select(CertificateRow, HeatPumpRow.id, ProviderRow.id)
        .join(HeatPumpRow, CertificateRow.heat_pump_pk == HeatPumpRow.pk, isouter=True)
        .join(ProviderRow, CertificateRow.provider_pk == ProviderRow.pk, isouter=True)
        .where(CertificateRow.serial == f"{serial:X}", here)
    ).first()
    if found is None:
        return None
    row, heat_pump, provider = found
    holder = Holder(heat_pump or "", provider or "")
    return CertificateRecord(holder, row.account, row.der, row.ends, row.revoked_at is not None)


def add_certificate(
    session: Session, holder: Holder, serial: int, der: bytes, *, now: float, ends: float
) -> None:
    """The next certificate; the former ones run out by themselves. Raises NotFound."""
    owner = holder.row(session)
    _forget_old(session, owner, now)
    account = owner.box if isinstance(owner, HeatPumpRow) else owner.jid
    session.add(_certificate(owner, account, serial, der, now, ends))
    session.flush()


def revoke_certificates(session: Session, owner: HolderRow, now: float) -> int:
    """None of its certificates counts any more; returns how many did."""
    which = _of(CertificateRow, owner) & CertificateRow.revoked_at.is_(None)
    revoked = list(session.scalars(select(CertificateRow.serial).where(which, CertificateRow.ends > now)))
    session.execute(update(CertificateRow).where(which).values(revoked_at=now))
    return len(revoked)


def withdraw_codes(session: Session, holder: Holder, now: float) -> None:
    """No code of it counts any more. Raises NotFound."""
    _end_codes(session, holder.row(session), now)


def revoked_serials(session: Session, now: float) -> list[str]:
    """The serial numbers a server must refuse: revoked, or of somebody removed, and not yet run out."""
    return list(
        session.scalars(
            select(CertificateRow.serial)
            .join(HeatPumpRow, CertificateRow.heat_pump_pk == HeatPumpRow.pk, isouter=True)
            .join(ProviderRow, CertificateRow.provider_pk == ProviderRow.pk, isouter=True)
            .where(
                CertificateRow.ends > now,
                or_(
                    CertificateRow.revoked_at.is_not(None),
                    HeatPumpRow.removed_at.is_not(None),
                    ProviderRow.removed_at.is_not(None),
                ),
            )
            .order_by(CertificateRow.serial)
        )
    )


def _certificate(
    owner: HolderRow, account: str, serial: int, der: bytes, now: float, ends: float
) -> CertificateRow:
    return CertificateRow(
        serial=f"{serial:X}", account=account, der=der, issued=now, ends=ends, revoked_at=None, **_key(owner)
    )


def _forget_old(session: Session, owner: HolderRow, now: float) -> None:
    old = _of(CertificateRow, owner) & (CertificateRow.ends < now - KEPT_CERTIFICATES)
    session.execute(delete(CertificateRow).where(old))


def _end_codes(session: Session, owner: HolderRow, now: float) -> None:
    open_ = _of(EnrolmentCodeRow, owner) & EnrolmentCodeRow.ended.is_(None)
    session.execute(update(EnrolmentCodeRow).where(open_).values(ended=now))


def _of(table: type[CertificateRow | EnrolmentCodeRow], owner: HolderRow) -> ColumnElement[bool]:
    column = table.heat_pump_pk if isinstance(owner, HeatPumpRow) else table.provider_pk
    return column == owner.pk


def _key(owner: HolderRow) -> dict[str, int]:
    return {"heat_pump_pk" if isinstance(owner, HeatPumpRow) else "provider_pk": owner.pk}
