"""Reads and writes the data objects of one schedule or controller by name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from iec61850_model.client import (
    BadAnswer,
    Client,
    NodeDefinition,
    Plain,
    ServiceErrorReceived,
    UnusableValue,
    part,
    to_plain,
    value_path,
)
from iec61850_model.mms.pdu import Primitive
from iec61850_model.reference import Reference
from iec61850_model.units import unit_text
from iec61850_model.values import NO_TIME, FunctionalConstraint, Timestamp
from service_provider.schedules.plan import Repeat, SchedulePlan
from service_provider.text import value_from_text

FC = FunctionalConstraint

ENTRY_KINDS = ("ValSPG", "ValING", "ValENG", "ValASG")
"""Names of entries, each before its number (7-4, FSCH)."""
BATCH = 100
"""Variables of one request."""
_UNITS = {4: 1, 85: 60, 84: 3600}
"""Seconds in the units of an interval: s, min, h (7-3, SIUnitKind)."""
TIME, WEEK_DAY, NO_OCCURRENCE = 0, 1, 5
"""Of OccurrenceKind (7-3) those that are written here."""
DAY, WEEK = 1, 2
"""Of PeriodKind (7-3)."""
_NO_CALENDAR = dict.fromkeys(("occ", "weekDay", "month", "day", "hr", "mn"), 0) | {
    "occType": NO_OCCURRENCE,
    "occPer": DAY,
}
"""CalendarTime that says nothing (7-3)."""


@dataclass(frozen=True, slots=True)
class ScheduleNode:
    """The settings and states of one FSCH, by its definition."""

    client: Client
    peer: str
    definition: NodeDefinition

    @classmethod
    async def of(cls, client: Client, peer: str, schedule: Reference) -> ScheduleNode:
        """Asks for the definition; raises NoSuchObject."""
        return cls(client, peer, await client.definition(peer, schedule.ld, schedule.ln))

    @property
    def here(self) -> Reference:
        """The schedule itself."""
        return Reference(self.definition.ld, self.definition.ln)

    def numbered(self, name: str) -> list[str]:
        """The data objects that are ``name`` and a number, in the order of their numbers."""
        found = [
            one
            for one in self.definition.data_objects()
            if re.fullmatch(rf"{name}[0-9]{{1,4}}", one, re.ASCII)
        ]
        return sorted(found, key=lambda one: int(one.removeprefix(name)))

    @property
    def entries(self) -> list[str]:
        """The data objects of its entries; raises BadAnswer if it has none."""
        for kind in ENTRY_KINDS:
            found = self.numbered(kind)
            if found:
                return found
        raise BadAnswer(f"{self.here} has no entries of a kind known here")

    async def read(self, names: Mapping[str, FC] | Sequence[str]) -> dict[str, Plain]:
        """The values of data objects by name, as far as the schedule has them; of a list those under SP."""
        wanted = names if isinstance(names, Mapping) else dict.fromkeys(names, FC.SP)
        there = [
            (name, fc, described)
            for name, fc in wanted.items()
            if (described := self.definition.find(fc, (name,))) is not None
        ]
        values: dict[str, Plain] = {}
        for first in range(0, len(there), BATCH):
            batch = there[first : first + BATCH]
            references = [self.here.child(name).with_fc(fc) for name, fc, _ in batch]
            results = await self.client.get_data_values(self.peer, references)
            for (name, _, described), result in zip(batch, results, strict=True):
                if isinstance(result, ServiceErrorReceived):
                    raise result
                values[name] = to_plain(described, result, name)
        return values

    async def write(self, values: Sequence[tuple[Reference, object]]) -> None:
        """Write settings in one request; raises the first error."""
        for error in await self.client.set_data_values(self.peer, values):
            if error is not None:
                raise error

    def value_of(self, name: str, fc: FC, values: Mapping[str, Plain]) -> Plain | None:
        """The one value that a data object stands for."""
        found = values.get(name)
        for step in value_path(self.definition.find(fc, (name,))) or ():
            found = found.get(step) if isinstance(found, dict) else None
        return found

    async def interval_unit(self) -> int:
        """Seconds in the unit of SchdIntv; raises BadAnswer for one that is none of time."""
        values = await self.read({"SchdIntv": FC.CF})
        units = values.get("SchdIntv")
        unit = units.get("units") if isinstance(units, dict) else None
        if not isinstance(unit, dict):
            return 1
        seconds = _UNITS.get(unit.get("SIUnit"))  # type: ignore[arg-type]  # anything that is no key gives None
        if seconds is None or unit.get("multiplier", 0) != 0:
            raise BadAnswer(f"{self.here}.SchdIntv has a unit that is not known here")
        return seconds

    async def unit(self) -> str:
        """The unit of its values, empty for none."""
        values = await self.read({"ValMV": FC.CF})
        config = values.get("ValMV")
        units = config.get("units") if isinstance(config, dict) else None
        if not isinstance(units, dict):
            return ""
        si_unit, multiplier = units.get("SIUnit", 1), units.get("multiplier", 0)
        return (
            unit_text(si_unit, multiplier) if isinstance(si_unit, int) and isinstance(multiplier, int) else ""
        )

    def settings(self, plan: SchedulePlan, unit: int) -> list[tuple[Reference, object]]:
        """What is to be written for a plan; ``unit``: seconds in one of SchdIntv.

        Raises UnusableValue: more values than entries, a value of another kind, an interval that is no whole
        number of units.
        """
        entries = self.entries
        if len(plan.values) > len(entries):
            raise UnusableValue(
                f"{self.here} has {len(entries)} entries: {len(plan.values)} values do not fit"
            )
        number, rest = divmod(round(plan.interval.total_seconds()), unit)
        if rest:
            raise UnusableValue(f"{self.here} counts intervals in {unit} s: {plan.interval} is no multiple")
        wanted = [
            self._entry(name, value, at)
            for at, (name, value) in enumerate(zip(entries, plan.values, strict=False), 1)
        ]
        numbers = {"NumEntr": len(plan.values), "SchdIntv": number, "SchdReuse": plan.reuse}
        wanted += [(self._setting(name, "setVal"), value) for name, value in numbers.items()]
        return wanted + self._starts(plan)

    def no_settings(self) -> list[tuple[Reference, object]]:
        """What is to be written so that nothing is left to enable."""
        return [(self._setting("NumEntr", "setVal"), 0), *self._starts(None)]

    def _entry(self, name: str, value: object, number: int) -> tuple[Reference, object]:
        path = (name, *(value_path(self.definition.find(FC.SP, (name,))) or ()))
        described = part(self.definition.type, (FC.SP.value, *path))
        if isinstance(value, str) and described is not None:
            try:
                value = value_from_text(value, described, path)
            except UnusableValue as error:
                raise UnusableValue(f"value {number}: {error}") from None
        elif isinstance(described, Primitive) and described.tag == "boolean" and value in (0, 1):
            value = bool(value)
        return self._setting(*path), value

    def _starts(self, plan: SchedulePlan | None) -> list[tuple[Reference, object]]:
        """The first start time is that of the plan; there are no others."""
        wanted: list[tuple[Reference, object]] = []
        for at, name in enumerate(self.numbered("StrTm")):
            first = plan if at == 0 else None
            time = NO_TIME if first is None else Timestamp.from_unix(first.start.timestamp())
            wanted.append((self._setting(name, "setTm"), time))
            if self.definition.find(FC.SP, (name, "setCal")) is not None:
                wanted.append((self._setting(name, "setCal"), _calendar(first)))
            elif first is not None and first.repeat is not Repeat.ONCE:
                raise UnusableValue(f"{self.here} has no calendar: it can start once only")
        if not wanted and plan is not None:
            raise UnusableValue(f"{self.here} has no start time")
        return wanted

    def _setting(self, *path: str) -> Reference:
        return self.here.child(*path).with_fc(FC.SP)


def _calendar(plan: SchedulePlan | None) -> dict[str, int]:
    if plan is None or plan.repeat is Repeat.ONCE:
        return dict(_NO_CALENDAR)
    local = {"hr": plan.start.hour, "mn": plan.start.minute}
    if plan.repeat is Repeat.DAILY:
        return _NO_CALENDAR | {"occType": TIME, "occPer": DAY} | local
    return _NO_CALENDAR | {"occType": WEEK_DAY, "occPer": WEEK, "weekDay": plan.start.isoweekday()} | local
