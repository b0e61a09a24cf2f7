"""Reads values with everything that belongs to them, in as few requests as possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from iec61850_model.client import (
    AmbiguousReference,
    BadAnswer,
    Client,
    ClientError,
    NodeDefinition,
    NoSuchObject,
    Plain,
    ServiceErrorReceived,
    to_plain,
)
from iec61850_model.client.errors import of_access
from iec61850_model.mms.pdu import Data, DataAccessError
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.units import unit_text
from iec61850_model.values import FunctionalConstraint, Quality, Timestamp
from service_provider.reading import Reading
from service_provider.targets import Target, targets

FC = FunctionalConstraint
BATCH = 100
"""Variables of one request: with value, quality and time some 300 octets each, half of a PDU of default
size."""
MAX_CONFIGURATION = 65_536
"""Units and pulse weights remembered, all heat pumps together; above, all are read anew."""
SHOWN_OF_A_NODE = (FC.MX, FC.ST, FC.SP, FC.SG)
"""What reading a whole logical node gives when no functional constraint is named."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A heat pump: its id, and the address where it is asked."""

    heatpump: str
    address: str


class Reader:
    """Reads by reference; remembers units, which change only with the device's configuration."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._configuration: dict[tuple[str, Reference], Plain] = {}

    def forget(self, heatpump: str) -> None:
        """The heat pump was away and may come back configured otherwise."""
        for key in [key for key in self._configuration if key[0] == heatpump]:
            del self._configuration[key]

    async def read(self, peer: Peer, references: Sequence[Reference]) -> list[list[Reading] | ClientError]:
        """For each reference its readings, or why there are none: the device's error, AmbiguousReference.

        Raises InvalidReference (logical device only) and what the transport raises.
        """
        wanted: list[list[Target] | ClientError] = []
        for reference in references:
            try:
                wanted.append(await self._targets(peer, reference))
            except (NoSuchObject, AmbiguousReference) as error:
                wanted.append(error)
        every = [target for one in wanted if isinstance(one, list) for target in one]
        values = await self._values(peer, [target.holder for target in every], every)
        return [self._readings(peer, one, values) if isinstance(one, list) else one for one in wanted]

    async def _targets(self, peer: Peer, reference: Reference) -> list[Target]:
        if not reference.ln:
            raise InvalidReference(
                f"{reference} is a logical device: name a logical node too, e.g. {reference.ld}/LLN0.Beh"
            )
        definition = await self._client.definition(peer.address, reference.ld, reference.ln)
        return [target for one in resolved(definition, reference) for target in targets(definition, one)]

    async def prepare(self, peer: Peer, wanted: Sequence[Target]) -> None:
        """Read the units and pulse weights that ``shaped`` needs for these targets, if not known yet.

        Raises ServiceErrorReceived if a pulse weight cannot be read.
        """
        values = await self._values(peer, [], wanted)
        for one in wanted:
            if one.pulses is not None and (peer.heatpump, one.pulses) not in self._configuration:
                raise _as_error(values[one.pulses], one.pulses)

    def shaped(self, peer: Peer, target: Target, whole: Plain) -> Reading:
        """The reading of a target that was prepared, out of the value of its holder; raises BadAnswer."""
        units = None if target.units is None else self._configuration.get((peer.heatpump, target.units))
        weight = 1 if target.pulses is None else self._configuration[peer.heatpump, target.pulses]
        return reading(peer.heatpump, target, whole, units, weight)

    async def _values(
        self, peer: Peer, holders: Sequence[Reference], wanted: Sequence[Target]
    ) -> dict[Reference, Data | ServiceErrorReceived]:
        known = self._configuration
        if len(known) > MAX_CONFIGURATION:
            known.clear()
        missing = {
            one: None
            for target in wanted
            for one in target.configuration
            if (peer.heatpump, one) not in known
        }
        asked = list(dict.fromkeys([*holders, *missing]))
        results: dict[Reference, Data | ServiceErrorReceived] = {}
        for start in range(0, len(asked), BATCH):
            batch = asked[start : start + BATCH]
            results.update(zip(batch, await self._client.get_data_values(peer.address, batch), strict=True))
        for one in missing:
            result = results[one]
            if isinstance(result, Data):
                definition = await self._client.definition(peer.address, one.ld, one.ln)
                described = definition.find(FC.CF, one.path)
                assert described is not None
                known[peer.heatpump, one] = to_plain(described, result)
        return results

    def _readings(
        self, peer: Peer, wanted: list[Target], values: dict[Reference, Data | ServiceErrorReceived]
    ) -> list[Reading] | ServiceErrorReceived:
        readings: list[Reading] = []
        for target in wanted:
            result = values[target.holder]
            if isinstance(result, ServiceErrorReceived):
                return result
            if target.pulses is not None and (peer.heatpump, target.pulses) not in self._configuration:
                # Without its weight a counter is a number of nobody knows what.
                return _as_error(values[target.pulses], target.pulses)
            whole = to_plain(target.described, result, target.shown.path[-1])
            readings.append(self.shaped(peer, target, whole))
        return readings


def resolved(definition: NodeDefinition, reference: Reference) -> list[Reference]:
    """The reference with its functional constraint; for a whole logical node one per constraint worth
    showing.

    Raises NoSuchObject, AmbiguousReference.
    """
    if not reference.path and reference.fc is None:
        return [reference.with_fc(fc) for fc in definition.constraints if fc in SHOWN_OF_A_NODE]
    try:
        return [definition.to_read(reference)]
    except KeyError:
        raise of_access(str(reference), DataAccessError.OBJECT_NON_EXISTENT) from None


def reading(heatpump: str, target: Target, whole: Plain, units: Plain | None, weight: Plain) -> Reading:
    """The reading of a target, out of the whole object it is part of; raises BadAnswer."""
    value = whole
    for name in target.path:
        if not isinstance(value, dict):
            raise BadAnswer(f"{target.shown} does not fit its definition")
        value = value[name]
    quality = time = None
    if isinstance(whole, dict):
        quality, time = whole.get("q"), whole.get("t")
    if target.pulses is not None and isinstance(value, int) and isinstance(weight, int | float):
        value = value * weight
    unit = ""
    if isinstance(units, dict) and isinstance(value, int | float) and not isinstance(value, bool):
        si_unit, multiplier = units.get("SIUnit"), units.get("multiplier", 0)
        if isinstance(si_unit, int) and isinstance(multiplier, int):
            unit = unit_text(si_unit, multiplier)
    return Reading(
        heatpump,
        target.shown,
        value,
        unit,
        quality if isinstance(quality, Quality) else None,
        time.datetime if isinstance(time, Timestamp) and not time.is_zero else None,
    )


def _as_error(result: Data | ServiceErrorReceived, reference: Reference) -> ServiceErrorReceived:
    if isinstance(result, ServiceErrorReceived):
        return result
    raise ClientError(f"{reference} could not be read")
