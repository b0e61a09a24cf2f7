"""The hub's stored history of heat pumps: one interval after the other, with what each quantity was."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from iec61850_model.reference import Reference
from iec61850_model.values import Validity
from service_provider.data_sets import DataSets
from service_provider.logs import Logs
from service_provider.reading import Reading, iso, jsonable

DEVICE = "HIST"
"""The logical device that the hub answers in the heat pump's name, also while that is offline."""
LOG, DATA_SET = f"{DEVICE}/LLN0.AvgLog", f"{DEVICE}/LLN0.dsAvg"


@dataclass(frozen=True, slots=True)
class HistoryInterval:
    """What was stored of one interval, usually 5 minutes.

    ``end``: when it ended, UTC. ``readings``: averages over it and counters at its end; what the heat pump
    did not report is not among them. ``entry_id``: that of its entry in the log.
    """

    heatpump: str
    end: datetime
    entry_id: bytes
    readings: tuple[Reading, ...]

    def of(self, reference: Reference) -> Reading | None:
        """The reading of this quantity; None if it was not reported."""
        return next((one for one in self.readings if one.reference == reference), None)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: heatpump, end (ISO 8601, UTC) and values; that of an invalid one is null."""
        return {
            "heatpump": self.heatpump,
            "end": iso(self.end),
            "values": [
                {
                    "reference": one.reference.without_fc,
                    "value": jsonable(one.value) if one.valid else None,
                    "unit": one.unit,
                    "quality": validity(one),
                }
                for one in self.readings
            ],
        }


class History:
    """The history of heat pumps (logical device ``HIST``; it takes the right history).

    ``HIST/MMXU1.TotW`` is what ``AVG/MMXU1.TotW`` of the heat pump was. You see the intervals that lie wholly
    in the time of grants of yours that are in force.
    """

    def __init__(self, logs: Logs, data_sets: DataSets) -> None:
        self._logs = logs
        self._data_sets = data_sets

    async def intervals(
        self, heatpump: str, *, start: datetime | None = None, stop: datetime | None = None
    ) -> AsyncGenerator[HistoryInterval, None]:
        """The intervals that ended from ``start`` to ``stop``, both counted in, the oldest first.

        Pages are asked for as you take them. Raises ValueError for a time without zone, NotAllowed without
        the right, and what any request raises.
        """
        entries = self._logs.query(heatpump, LOG, start=start, stop=stop)
        async with aclosing(entries):
            async for entry in entries:
                readings = tuple(one.reading for one in entry.entries)
                yield HistoryInterval(heatpump, entry.time, entry.entry_id, readings)

    async def newest(self, heatpump: str) -> tuple[Reading, ...]:
        """Every quantity there is, with its unit, as it was in the newest interval you see; invalid if not
        reported."""
        return (await self._data_sets.read(heatpump, DATA_SET)).readings


def validity(reading: Reading) -> str:
    """``good``, ``questionable`` or ``invalid``: more of the quality is not kept."""
    return str(Validity.INVALID if reading.quality is None else reading.quality.validity)
