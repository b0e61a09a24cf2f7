"""One read request for many heat pumps, and the readings of each out of its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from iec61850_model.client import (
    ClientError,
    NodeDefinition,
    Plain,
    ServiceErrorReceived,
    UnusableValue,
    to_plain,
)
from iec61850_model.mms.pdu import Data, TypeDescription
from iec61850_model.reference import InvalidReference, Reference
from service_provider.group_results import MemberResult
from service_provider.reader import BATCH, reading, resolved
from service_provider.reading import Reading
from service_provider.targets import Target, targets


@dataclass(frozen=True, slots=True)
class Question:
    """What is read for some references: ``variables`` in one request, units and pulse weights among them."""

    wanted: tuple[Target, ...]
    variables: tuple[Reference, ...]
    configuration: dict[Reference, TypeDescription]

    def result(self, heatpump: str, results: Sequence[Data | ServiceErrorReceived]) -> MemberResult:
        """The readings of one heat pump, and the first error if something cannot be read."""
        values = dict(zip(self.variables, results, strict=True))
        readings: list[Reading] = []
        error: ClientError | None = None
        for target in self.wanted:
            try:
                readings.append(self._reading(heatpump, target, values))
            except ClientError as failed:
                error = error or failed
        return MemberResult(heatpump, error, tuple(readings))

    def _reading(
        self, heatpump: str, target: Target, values: dict[Reference, Data | ServiceErrorReceived]
    ) -> Reading:
        value = values[target.holder]
        if isinstance(value, ServiceErrorReceived):
            raise value
        whole = to_plain(target.described, value, target.shown.path[-1])
        units = None if target.units is None else self._configured(target.units, values)
        weight = 1 if target.pulses is None else self._configured(target.pulses, values)
        if weight is None:
            raise ClientError(f"{heatpump}: {target.pulses} could not be read")
        return reading(heatpump, target, whole, units, weight)

    def _configured(
        self, reference: Reference, values: dict[Reference, Data | ServiceErrorReceived]
    ) -> Plain | None:
        value = values[reference]
        if isinstance(value, ServiceErrorReceived):
            return None
        return to_plain(self.configuration[reference], value)


def question(definitions: Sequence[NodeDefinition], references: Sequence[Reference]) -> Question:
    """What to read for references, each with the definition of its logical node.

    Raises NoSuchObject, AmbiguousReference, InvalidReference, UnusableValue for more than one request holds.
    """
    wanted: list[Target] = []
    configuration: dict[Reference, TypeDescription] = {}
    for definition, reference in zip(definitions, references, strict=True):
        if not reference.ln:
            raise InvalidReference(f"{reference} is a logical device: name a logical node too")
        found = [target for one in resolved(definition, reference) for target in targets(definition, one)]
        wanted += found
        for one in (part for target in found for part in target.configuration):
            described = definition.find(one.fc, one.path) if one.fc else None
            assert described is not None, "targets found it there"
            configuration[one] = described
    variables = tuple(dict.fromkeys([*(target.holder for target in wanted), *configuration]))
    if len(variables) > BATCH:
        raise UnusableValue(f"{len(variables)} values at once are too many for a group: at most {BATCH}")
    return Question(tuple(wanted), variables, configuration)
