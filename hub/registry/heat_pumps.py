"""Heat pumps: added, listed, removed."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hub.registry.grants import end_grants
from hub.registry.groups import end_memberships
from hub.registry.lookup import free_name, get_heat_pump, require_nobodys_jid, require_unused_jid, take_name
from hub.registry.manufacturers import grant_to_manufacturer
from hub.registry.master_data import forget_metering_points
from hub.registry.models import GrantRow, HeatPumpRow, NameKind, PresenceRow
from hub.registry.naming import checked_id, checked_jid, checked_text
from hub.registry.routers import next_revision
from hub.registry.settings import forget_settings
from hub.registry.steering import box_moved, give_up_steering
from hub.roster import HeatPump


def add_heat_pump(
    session: Session, new: HeatPump, *, hub_domain: str, now: float, note: str = ""
) -> HeatPumpRow:
    """Take in a heat pump and the bare JID of its box; the manufacturer of that domain may see its state.

    Raises InvalidInput for an id or JID that can never be, Conflict for one that is taken.
    """
    id_, box, note = checked_id(new.id), checked_jid(new.box, hub_domain), checked_text(note, "note")
    revision = next_revision(session)
    take_name(session, id_, NameKind.HEAT_PUMP)
    require_unused_jid(session, box)
    require_nobodys_jid(session, box)
    give_up_steering(session, id_, box, revision)
    row = HeatPumpRow(id=id_, box=box, note=note, created=now, removed_at=None, revision=revision)
    session.add(row)
    box_moved(session, box, revision)
    grant_to_manufacturer(session, row, now=now)
    return row


def list_heat_pumps(session: Session) -> list[HeatPumpRow]:
    """All heat pumps by id, without removed ones."""
    return list(
        session.scalars(select(HeatPumpRow).where(HeatPumpRow.removed_at.is_(None)).order_by(HeatPumpRow.id))
    )


def remove_heat_pump(session: Session, id_: str, *, now: float) -> tuple[HeatPumpRow, int]:
    """Remove a heat pump, revoke its grants and take it out of its groups; returns it and how many grants
    ended. Raises NotFound.
    """
    row = get_heat_pump(session, id_)
    row.revision = next_revision(session)
    row.removed_at = now
    ended = end_grants(session, GrantRow.heat_pump_pk == row.pk, revision=row.revision, now=now)
    end_memberships(session, [row.pk], revision=row.revision, now=now)
    box_moved(session, row.box, row.revision)
    session.execute(delete(PresenceRow).where(PresenceRow.heat_pump_pk == row.pk))
    forget_metering_points(session, row.pk)
    forget_settings(session, row.pk)
    free_name(session, id_)
    return row, ended
