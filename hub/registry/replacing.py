"""A box is replaced: another one stands for the same heat pump, whose id, grants and history stay."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.registry.enrolment import Holder, revoke_certificates, withdraw_codes
from hub.registry.enrolment_models import CertificateRow, EnrolmentCodeRow, ShutOutRow
from hub.registry.errors import Conflict
from hub.registry.link_state import presence_lost
from hub.registry.lookup import get_heat_pump, require_nobodys_jid, require_unused_jid
from hub.registry.manufacturers import change_manufacturer
from hub.registry.models import HeatPumpRow
from hub.registry.naming import checked_jid
from hub.registry.routers import next_revision
from hub.registry.settings import hand_over_settings
from hub.registry.shut_out import account_of
from hub.registry.steering import begin_anew

MAX_SUCCESSORS = 1_000
"""Names that are tried for the account of a new box: hp0042-2, hp0042-3, .."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """What came of it: the accounts of the former and the new box, the certificates revoked, the settings
    that are kept.
    """

    heat_pump: str
    former: str
    box: str
    certificates: int
    settings: int


def replace_box(
    session: Session, id_: str, box: str, *, hub_domain: str, restore: bool, now: float
) -> Replaced:
    """Have ``box`` stand for a heat pump. The former one is a stranger from now on: its certificates and
    codes count no more, the grant of its manufacturer ends, and what grants steer begins anew in the new one.

    ``restore``: its settings are to be written to the new one. Raises NotFound, InvalidInput for a JID that
    can never be, Conflict for one that is taken or is that of the present box.
    """
    pump = get_heat_pump(session, id_)
    former, box = account_of(session, pump), checked_jid(box, hub_domain)
    if box == former:
        raise Conflict(
            f"{box} is the account of the box of {id_} already: give the new box one of its own, so that the"
            " former one is shut out"
        )
    require_unused_jid(session, box)
    require_nobodys_jid(session, box)
    revision = next_revision(session)
    withdraw_codes(session, Holder(id_), now)
    certificates = revoke_certificates(session, pump, now)
    shut = session.get(ShutOutRow, pump.pk)
    if shut is not None:
        session.delete(shut)
    pump.box, pump.revision = box, revision
    session.flush()
    seen = presence_lost(session, pump.pk, now)
    begin_anew(session, pump.pk, revision)
    change_manufacturer(session, pump, former, now=now, revision=revision)
    settings = hand_over_settings(session, pump.pk, seen or 0.0, restore=restore, now=now, revision=revision)
    return Replaced(id_, former, box, certificates, settings)


def account_for_successor(session: Session, id_: str, domain: str) -> str:
    """An account on ``domain`` that no box of this heat pump had and nobody has, such as hp0042-2@DOMAIN.

    Raises NotFound, Conflict if there is none.
    """
    pump = get_heat_pump(session, id_)
    present = account_of(session, pump)
    taken = {present, *session.scalars(select(HeatPumpRow.box)), *session.scalars(select(ShutOutRow.box))}
    for row in (CertificateRow, EnrolmentCodeRow):
        taken |= set(session.scalars(select(row.account).where(row.heat_pump_pk == pump.pk)))
    local, _, its_domain = present.partition("@")
    stem, _, number = local.rpartition("-")
    first = (
        int(number) + 1
        if its_domain == domain and stem == id_ and number.isascii() and number.isdigit()
        else 2
    )
    for count in range(first, first + MAX_SUCCESSORS):
        if (found := f"{id_}-{count}@{domain}") not in taken:
            return found
    raise Conflict(f"no account on {domain} is free for a new box of {id_}: name one with --box")
