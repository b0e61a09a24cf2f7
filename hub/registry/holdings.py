"""What a provider holds on a heat pump, as routers know it and with what routers know no more."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from hub.registry.grants import GrantRecord, list_grants
from hub.registry.lookup import get_heat_pump, get_provider
from hub.registry.models import SteeringState
from hub.roster import Grant


@dataclass(frozen=True, slots=True)
class Holdings:
    """All grants that live, are to come or have ended, and the slots that are ready."""

    records: tuple[GrantRecord, ...]
    grants: tuple[Grant, ...]
    slots: dict[int, int]

    @property
    def revoked(self) -> frozenset[int]:
        """Keys of those that were taken back."""
        return frozenset(record.key for record in self.records if record.revoked_at is not None)


def holdings(session: Session, provider: str, heat_pump: str, *, now: float) -> Holdings:
    """The grants between the two, also through groups it is in. Raises NotFound for either of them."""
    get_provider(session, provider)
    since = get_heat_pump(session, heat_pump).created
    records = tuple(
        record
        for record in list_grants(session, provider=provider, heat_pump=heat_pump, now=now, ended=True)
        if record.revoked_at is None or record.revoked_at >= since
    )
    grants = tuple(
        Grant(
            record.key, provider, heat_pump, record.rights, record.scope, record.valid_from or 0.0,
            record.until,
        )
        for record in records
    )  # fmt: skip
    slots = {
        record.key: one.slot
        for record in records
        for one in record.steering
        if one.heat_pump == heat_pump and one.slot and one.state is SteeringState.READY
    }
    return Holdings(records, grants, slots)
