"""How boxes and providers get in, for people: by which certificate and until when, by a code, or not at
all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.registry.enrolment import HolderRow
from hub.registry.enrolment_models import CertificateRow, EnrolmentCodeRow, ProviderShutOutRow, ShutOutRow
from hub.registry.heat_pumps import list_heat_pumps
from hub.registry.models import HeatPumpRow
from hub.registry.providers import list_providers
from hub.registry.shut_out import account_in


@dataclass(frozen=True, slots=True)
class WayIn:
    """Of the heat pump or provider ``id``. Of ``certificate_ends`` and ``code_expires`` the last counts."""

    id: str
    account: str
    shut_out_at: float | None
    serial: str | None
    certificate_ends: float | None
    code_expires: float | None


def ways_of_boxes(session: Session, now: float) -> list[WayIn]:
    """Every heat pump's box and its way in, by id."""
    out = {row.heat_pump_pk: row for row in session.scalars(select(ShutOutRow))}
    return _ways(session, list_heat_pumps(session), out, now)


def ways_of_providers(session: Session, now: float) -> list[WayIn]:
    """Every provider's way in, by id."""
    out = {row.provider_pk: row for row in session.scalars(select(ProviderShutOutRow))}
    return _ways(session, list_providers(session), out, now)


def _ways(
    session: Session, owners: Iterable[HolderRow], out: dict[int, ShutOutRow] | dict[int, ProviderShutOutRow],
    now: float,
) -> list[WayIn]:  # fmt: skip
    certificates: dict[tuple[int | None, int | None], CertificateRow] = {}
    for row in session.scalars(
        select(CertificateRow).where(CertificateRow.revoked_at.is_(None)).order_by(CertificateRow.issued)
    ):
        certificates[row.heat_pump_pk, row.provider_pk] = row
    codes: dict[tuple[int | None, int | None], float] = {
        (row.heat_pump_pk, row.provider_pk): row.expires
        for row in session.scalars(
            select(EnrolmentCodeRow).where(EnrolmentCodeRow.ended.is_(None), EnrolmentCodeRow.expires > now)
        )
    }
    found = []
    for one in owners:
        key = (one.pk, None) if isinstance(one, HeatPumpRow) else (None, one.pk)
        shut, certificate = out.get(one.pk), certificates.get(key)
        found.append(
            WayIn(
                one.id,
                account_in(one, shut),
                shut.at if shut else None,
                certificate.serial if certificate else None,
                certificate.ends if certificate else None,
                codes.get(key),
            )
        )
    return found
