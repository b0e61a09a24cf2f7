"""Accounting: what each provider used of each heat pump in a month. Routers and the collector add up; nothing
is taken away."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import InstrumentedAttribute, Session

from hub.registry.errors import NotFound
from hub.registry.models import HeatPumpRow, ProviderRow, UsageRow
from hub.registry.settings_work import note_written
from hub.registry.steering import in_parts

Used = tuple[str, str, str]
"""Provider, heat pump, service as the audit calls it."""
KINDS = ("reads", "controls", "settings", "reports", "history_rows")
HISTORY_ROWS = "HistoryRows"
"""What the collector counts an interval of the history as that it has sent; it is no service."""
_KIND_OF = {
    **dict.fromkeys(("Operate", "Select", "SelectWithValue", "Cancel"), "controls"),
    **dict.fromkeys(("SetDataValues", "SetDataSetValues", "SetLCBValues"), "settings"),
    "Report": "reports",
    HISTORY_ROWS: "history_rows",
}
"""What else changes a box only serves to read it: report blocks and data sets."""
_READING = ("Get", "Query")


def kind_of(service: str) -> str | None:
    """What a service counts as; None for what is not accounted: associations, what blocks and data sets are
    made with, and what a box says of commands."""
    return _KIND_OF.get(service) or ("reads" if service.startswith(_READING) else None)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a provider used of a heat pump in a month; both may have been removed since."""

    month: str
    provider: str
    heat_pump: str
    reads: int
    controls: int
    settings: int
    reports: int
    history_rows: int


def add_usage(session: Session, month: str, used: Iterable[tuple[Used, int]]) -> None:
    """Add to what was counted in ``month`` so far. Whose id nobody has or had is left out.
    In what boxes something was written is noted, for their settings are to be read again.
    """
    sums: dict[tuple[str, str], dict[str, int]] = {}
    for (provider, heat_pump, service), count in used:
        kind = kind_of(service)
        if kind is not None:
            of_pair = sums.setdefault((provider, heat_pump), dict.fromkeys(KINDS, 0))
            of_pair[kind] += count
    providers = _newest(session, ProviderRow.pk, ProviderRow.id, {pair[0] for pair in sums})
    heat_pumps = _newest(session, HeatPumpRow.pk, HeatPumpRow.id, {pair[1] for pair in sums})
    rows = [
        {"month": month, "provider_pk": providers[pair[0]], "heat_pump_pk": heat_pumps[pair[1]], **counts}
        for pair, counts in sums.items()
        if pair[0] in providers and pair[1] in heat_pumps
    ]
    if not rows:
        return
    statement = insert(UsageRow)
    grown = {kind: getattr(UsageRow, kind) + statement.excluded[kind] for kind in KINDS}
    key = [UsageRow.month, UsageRow.provider_pk, UsageRow.heat_pump_pk]
    session.execute(statement.on_conflict_do_update(index_elements=key, set_=grown), rows)
    changed = {pair[1] for pair, counts in sums.items() if counts["settings"] or counts["controls"]}
    note_written(session, {heat_pumps[one] for one in changed & heat_pumps.keys()})


def _newest(
    session: Session, pk: InstrumentedAttribute[int], id_: InstrumentedAttribute[str], ids: Collection[str]
) -> Mapping[str, int]:
    """The last holder of each id: it may have been removed a moment ago."""
    found: dict[str, int] = {}
    for part in in_parts(sorted(ids)):
        for known, key in session.execute(select(id_, pk).where(id_.in_(part)).order_by(pk)):
            found[known] = key
    return found


def usage_of(session: Session, month: str, provider: str | None = None) -> list[Usage]:
    """What was used in a month, by provider and heat pump. Raises NotFound for a provider there never was."""
    wanted = (
        select(
            ProviderRow.id, HeatPumpRow.id, UsageRow.reads, UsageRow.controls, UsageRow.settings,
            UsageRow.reports, UsageRow.history_rows,
        )
        .select_from(UsageRow)
        .join(ProviderRow, UsageRow.provider_pk == ProviderRow.pk)
        .join(HeatPumpRow, UsageRow.heat_pump_pk == HeatPumpRow.pk)
        .where(UsageRow.month == month)
        .order_by(ProviderRow.id, HeatPumpRow.id, UsageRow.provider_pk, UsageRow.heat_pump_pk)
    )  # fmt: skip
    if provider is not None:
        if session.scalar(select(ProviderRow.pk).where(ProviderRow.id == provider).limit(1)) is None:
            raise NotFound(f"there is and was no provider {provider[:80]!r}")
        wanted = wanted.where(ProviderRow.id == provider)
    return [Usage(month, *row) for row in session.execute(wanted)]
