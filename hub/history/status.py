"""How far the history of each heat pump is: the registry's heat pumps joined with the history's series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.history.reading import Sample
from hub.history.store import HistoryStore, SeriesState
from hub.registry import get_heat_pump
from hub.registry.consents import consents_since
from hub.registry.models import HeatPumpRow, HistorySeriesRow


@dataclass(frozen=True, slots=True)
class Follow:
    """A heat pump with its series, if it has one, and whether somebody's consent is in force."""

    heat_pump: str
    series: int | None
    consent: bool


@dataclass(frozen=True, slots=True)
class HistoryStatus:
    """One heat pump's history: ``state`` and ``last`` are None if nothing was ever stored."""

    heat_pump: str
    consent: bool
    state: SeriesState | None
    last: Sample | None

    def lag(self, now: float) -> float | None:
        """Seconds since the end of the last interval that was stored."""
        if self.state is None or self.state.last_interval is None:
            return None
        return now - self.state.last_interval

    @property
    def good_share(self) -> float | None:
        """Good values as a share of all that were reported, 0..1."""
        if self.state is None:
            return None
        everything = self.state.good + self.state.questionable + self.state.invalid
        return self.state.good / everything if everything else None


def follows(session: Session, heat_pump: str | None, now: float) -> list[Follow]:
    """All heat pumps by id, or the one of this id. Raises NotFound."""
    wanted = select(HeatPumpRow.pk, HeatPumpRow.id, HistorySeriesRow.series).join(
        HistorySeriesRow, HistorySeriesRow.heat_pump_pk == HeatPumpRow.pk, isouter=True
    )
    wanted = wanted.where(HeatPumpRow.removed_at.is_(None)).order_by(HeatPumpRow.id)
    if heat_pump is not None:
        wanted = wanted.where(HeatPumpRow.pk == get_heat_pump(session, heat_pump).pk)
    agreed = {
        one.pk for one in consents_since(session, 0) if any(consent.covers(now) for consent in one.consents)
    }
    return [Follow(id_, series, pk in agreed) for pk, id_, series in session.execute(wanted)]


async def statuses(store: HistoryStore, followed: Sequence[Follow]) -> list[HistoryStatus]:
    """How far each of these is."""
    states = {
        state.series: state for state in await store.states([one.series for one in followed if one.series])
    }
    last = await store.last_samples(states.values())
    return [
        HistoryStatus(
            one.heat_pump,
            one.consent,
            states.get(one.series) if one.series else None,
            last.get(one.series) if one.series else None,
        )
        for one in followed
    ]
