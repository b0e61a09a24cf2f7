"""Reads one value of a heat pump with its quality, time and unit (7-2 clause 12)."""

from __future__ import annotations

from dataclasses import dataclass

from iec61850_model.client import Client, NodeDefinition, Plain, ServiceErrorReceived, to_plain, value_path
from iec61850_model.client.errors import BadAnswer, of_access
from iec61850_model.mms.pdu import Data, DataAccessError
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.units import enumeration_text, unit_text
from iec61850_model.values import FunctionalConstraint, Quality, Timestamp, Validity

NO_VALUE = "—"
"""What stands for a value that is invalid: missing is not zero."""
_UNITS = "units"


@dataclass(frozen=True, slots=True)
class Measured:
    """A value as a person reads it. ``quality`` and ``time`` are empty where the object has none."""

    reference: Reference
    value: str
    quality: str
    time: str


async def measure(client: Client, peer: str, reference: Reference) -> Measured:
    """Read a data object or attribute.

    Raises InvalidReference for a whole node, and ClientError: AmbiguousReference, NoSuchObject and others.
    """
    if not reference.path:
        raise InvalidReference(f"{reference} is no data object: write e.g. MET/MMXU1.TotW")
    definition = await client.definition(peer, reference.ld, reference.ln)
    try:
        target = definition.to_read(reference)
    except KeyError:
        raise of_access(str(reference), DataAccessError.OBJECT_NON_EXISTENT) from None
    units = reference.with_fc(FunctionalConstraint.CF).child(_UNITS)
    has_units = definition.find(FunctionalConstraint.CF, units.path) is not None
    found = await client.get_data_values(peer, [target, units] if has_units else [target])
    whole, value = _plain(definition, target, found[0])
    unit = _unit(_plain(definition, units, found[1])[0]) if has_units else ""
    parts = whole if isinstance(whole, dict) else {}
    quality, time = parts.get("q"), parts.get("t")
    shown = f"{_text(value, target.path)} {unit}".rstrip()
    if isinstance(quality, Quality) and quality.validity is Validity.INVALID:
        shown = NO_VALUE
    return Measured(
        target,
        shown,
        quality.text if isinstance(quality, Quality) else "",
        time.iso if isinstance(time, Timestamp) and not time.is_zero else "",
    )


def _plain(
    definition: NodeDefinition, target: Reference, result: Data | ServiceErrorReceived
) -> tuple[Plain, Plain]:
    """All that was read, and in it the one value that the object stands for."""
    if isinstance(result, ServiceErrorReceived):
        raise result
    described = definition.find(target.fc, target.path) if target.fc else None
    assert described is not None, "it was found in the definition before it was read"
    whole = value = to_plain(described, result, target.path[-1])
    for name in value_path(described) or ():
        if not isinstance(value, dict):
            raise BadAnswer("the value does not fit its definition")
        value = value[name]
    return whole, value


def _unit(units: Plain) -> str:
    parts = units if isinstance(units, dict) else {}
    si_unit, multiplier = parts.get("SIUnit"), parts.get("multiplier", 0)
    if isinstance(si_unit, int) and isinstance(multiplier, int):
        return unit_text(si_unit, multiplier)
    return ""


def _text(value: Plain, path: tuple[str, ...]) -> str:
    match value:
        case bool():
            return "on" if value else "off"
        case int():
            return enumeration_text(path, value) or str(value)
        case float():
            return f"{value:.7g}"
        case str():
            return value
        case Timestamp():
            return value.iso
        case bytes():
            return value.hex()
        case dict():
            return ", ".join(f"{name} {_text(one, (*path, name))}" for name, one in value.items())
        case list():
            return "; ".join(_text(one, path) for one in value)
    return str(value)
