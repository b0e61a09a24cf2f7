"""Manufacturers: whoever has boxes on an XMPP domain of his own may read their technical state, nothing else.

A manufacturer is a provider with a domain. For each box there it holds a grant to read what is technical; the
registry gives it with the box and with the manufacturer, so the router knows nothing new.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.registry.errors import Conflict, InvalidInput, NotFound
from hub.registry.grants import NewGrant, add_grant, end_grants
from hub.registry.link_state import Presence, presence
from hub.registry.models import GrantRow, HeatPumpRow, ManufacturerRow, ProviderRow
from hub.registry.naming import checked_jid
from hub.registry.providers import add_provider, remove_provider
from hub.roster import Provider, Right, domain_of

TECHNICAL = (
    "LD0/LLN0.Beh",
    "LD0/LLN0.Health",
    "LD0/LLN0.NamPlt",
    "LD0/LPHD1.*",
    "LD0/LTMS1.*",
    "LD0/XmpLCCH1.*",
    "LD0/BoxCALH1.*",
    "HP/LLN0.Beh",
    "HP/LLN0.Health",
    "HP/LLN0.NamPlt",
    "HP/HpGGIO1.Alm1",
)
"""Name plates, software, health, clock, link and alarms of box and heat pump: nothing that tells of people
in a house, so no measurement, set point, operating mode, report or log."""
PURPOSE = "maintenance"
GIVER = "role manufacturer"
GROUND = "manufacturer of the box, on its own domain"


@dataclass(frozen=True, slots=True)
class Manufacturer:
    """``id`` and ``jid`` are those of the provider it is, ``domain`` is where its boxes are at home."""

    id: str
    domain: str
    jid: str
    name: str
    created: float


@dataclass(frozen=True, slots=True)
class NewManufacturer:
    """What an operator says of a manufacturer; ``jid`` must be in its domain."""

    id: str
    domain: str
    jid: str
    name: str = ""


def add_manufacturer(
    session: Session, new: NewManufacturer, *, hub_domain: str, now: float
) -> tuple[Manufacturer, int]:
    """Take in a manufacturer and grant it its boxes; returns it and how many there are.

    Raises InvalidInput for an id, domain or JID that can never be, Conflict for one that is taken.
    """
    domain = domain_of(checked_jid(f"box@{new.domain}", hub_domain))
    jid = checked_jid(new.jid, hub_domain)
    if domain_of(jid) != domain:
        raise InvalidInput(f"{jid} is not on {domain}: who asks for the boxes of a domain is at home there")
    holder = _of_domain(session, domain)
    if holder is not None:
        raise Conflict(f"{domain} is the domain of manufacturer {holder} already")
    provider = add_provider(session, Provider(new.id, jid), hub_domain=hub_domain, now=now, name=new.name)
    session.add(ManufacturerRow(provider_pk=provider.pk, domain=domain))
    session.flush()
    boxes = _boxes(session, domain)
    for heat_pump in boxes:
        _grant(session, provider.id, heat_pump.id, now)
    return get_manufacturer(session, provider.id), len(boxes)


def grant_to_manufacturer(session: Session, heat_pump: HeatPumpRow, *, now: float) -> None:
    """A heat pump was added: the manufacturer on whose domain its box is, if there is one, may see it."""
    holder = _of_domain(session, domain_of(heat_pump.box))
    if holder is not None:
        session.flush()
        _grant(session, holder, heat_pump.id, now)


def change_manufacturer(
    session: Session, heat_pump: HeatPumpRow, former: str, *, now: float, revision: int
) -> None:
    """Another box, the one that had the account ``former`` went: its manufacturer sees the heat pump no more,
    that of the new one does.
    """
    if domain_of(former) == domain_of(heat_pump.box):
        return
    which = (GrantRow.heat_pump_pk == heat_pump.pk) & (GrantRow.giver == GIVER)
    end_grants(session, which, revision=revision, now=now)
    grant_to_manufacturer(session, heat_pump, now=now)


def list_manufacturers(session: Session) -> list[Manufacturer]:
    """All manufacturers by id, without removed ones."""
    found = session.execute(_MANUFACTURERS.order_by(ProviderRow.id)).all()
    return [_manufacturer(provider, domain) for provider, domain in found]


def get_manufacturer(session: Session, id_: str) -> Manufacturer:
    """The manufacturer with this id. Raises NotFound."""
    found = session.execute(_MANUFACTURERS.where(ProviderRow.id == id_)).one_or_none()
    if found is None:
        raise NotFound(f"there is no manufacturer {id_[:80]!r}: `hphub manufacturer list` shows all")
    return _manufacturer(*found)


def remove_manufacturer(session: Session, id_: str, *, now: float) -> tuple[ProviderRow, int]:
    """Remove a manufacturer, not its boxes; returns it and how many grants ended. Raises NotFound."""
    return remove_provider(session, get_manufacturer(session, id_).id, now=now)


def boxes_of(session: Session, domain: str) -> list[tuple[HeatPumpRow, Presence | None]]:
    """The heat pumps whose boxes are on a domain, by id, each with its link state if it was ever seen."""
    known = {one.heat_pump: one for one in presence(session)}
    return [(row, known.get(row.id)) for row in _boxes(session, domain)]


_MANUFACTURERS = (
    select(ProviderRow, ManufacturerRow.domain)
    .join(ManufacturerRow, ManufacturerRow.provider_pk == ProviderRow.pk)
    .where(ProviderRow.removed_at.is_(None))
)


def _manufacturer(provider: ProviderRow, domain: str) -> Manufacturer:
    return Manufacturer(provider.id, domain, provider.jid, provider.name, provider.created)


def _of_domain(session: Session, domain: str) -> str | None:
    found = session.execute(_MANUFACTURERS.where(ManufacturerRow.domain == domain)).one_or_none()
    return found[0].id if found else None


def _boxes(session: Session, domain: str) -> list[HeatPumpRow]:
    wanted = select(HeatPumpRow).where(
        HeatPumpRow.removed_at.is_(None), HeatPumpRow.box.endswith(f"@{domain}", autoescape=True)
    )
    return list(session.scalars(wanted.order_by(HeatPumpRow.id)))


def _grant(session: Session, provider: str, heat_pump: str, now: float) -> None:
    new = NewGrant(provider, heat_pump, [Right.READ], GIVER, scope=TECHNICAL, purpose=PURPOSE, ground=GROUND)
    add_grant(session, new, now=now)
