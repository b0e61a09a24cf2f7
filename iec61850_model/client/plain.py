"""MMS values to plain Python values and back, by the type the device described."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import TypeAlias, cast

from iec61850_model.client.errors import BadAnswer, UnusableValue
from iec61850_model.mms.pdu import Array, Data, DataValue, Primitive, Structure, Tag, TypeDescription
from iec61850_model.values import EntryTime, Quality, Timestamp

Plain: TypeAlias = (
    bool | int | float | str | bytes | Quality | Timestamp | EntryTime | dict[str, "Plain"] | list["Plain"]
)
"""A value as a program wants it: structures are dicts by component name, arrays lists."""

QUALITY_NAMES = ("q", "subQ")
"""Attributes whose bit string is a quality (7-3)."""
_ALIKE = frozenset({"integer", "unsigned"})
"""Kinds that a lenient client takes for one another, as devices do not all agree on signs of enumerations."""
FLOAT32_DIGITS = range(6, 10)
"""Decimal digits that can be needed to tell single-precision numbers apart."""


def to_plain(described: TypeDescription, data: Data, name: str = "") -> Plain:
    """The plain value of ``data``, an attribute called ``name``.

    Raises BadAnswer if data and type do not fit.
    """
    value = data.value
    wanted = _tag(described)
    if data.tag != wanted and not {data.tag, wanted} <= _ALIKE:
        raise BadAnswer(f"{name or 'a value'} is a {data.tag} where its definition says {wanted}")
    if isinstance(described, Structure):
        parts = cast("tuple[Data, ...]", value)
        if len(parts) != len(described.components):
            raise BadAnswer(f"the value of {name or 'a structure'} does not fit its definition")
        pairs = zip(described.components, parts, strict=True)
        return {part: to_plain(inside, one, part) for (part, inside), one in pairs}
    if isinstance(described, Array):
        return [to_plain(described.element, one) for one in cast("tuple[Data, ...]", value)]
    if name in QUALITY_NAMES and isinstance(value, str):
        try:
            return Quality.from_bits(value)
        except ValueError as error:
            raise BadAnswer(f"{name}: {error}") from None
    if isinstance(value, float):
        return shortest(value)
    return cast("Plain", value)


def _tag(described: TypeDescription) -> Tag:
    if isinstance(described, Primitive):
        return described.tag
    return "structure" if isinstance(described, Structure) else "array"


def shortest(number: float) -> float:
    """The shortest decimal that is the same single-precision number: 23.4, not 23.399999618530273."""
    try:
        packed = struct.pack(">f", number)
    except OverflowError:
        return number
    for digits in FLOAT32_DIGITS:
        candidate = float(f"{number:.{digits}g}")
        if struct.pack(">f", candidate) == packed:
            return candidate
    return number


def to_data(described: TypeDescription, value: object) -> Data:
    """The MMS value for an attribute of this type.

    A number is taken for a structure of one component, as setMag and ctlVal of analogue values are. Raises
    UnusableValue.
    """
    if isinstance(described, Structure):
        if isinstance(value, dict):
            missing = [name for name, _ in described.components if name not in value]
            if missing or len(value) != len(described.components):
                names = ", ".join(name for name, _ in described.components)
                raise UnusableValue(f"give a value for each of {names}")
            return Data(
                "structure", tuple(to_data(inside, value[name]) for name, inside in described.components)
            )
        if len(described.components) == 1:
            return Data("structure", (to_data(described.components[0][1], value),))
        raise UnusableValue(f"{value!r:.60} is no structure of {len(described.components)} values")
    if isinstance(described, Array):
        if not isinstance(value, list | tuple) or len(value) != described.count:
            raise UnusableValue(f"give a list of {described.count} values")
        return Data("array", tuple(to_data(described.element, one) for one in value))
    return Data(described.tag, _primitive(described, value))


def _primitive(described: Primitive, value: object) -> DataValue:
    match described.tag, value:
        case "boolean", bool():
            return value
        case "integer" | "unsigned", int() if not isinstance(value, bool):
            return _in_range(described, value)
        case "floating-point", int() | float() if not isinstance(value, bool):
            return float(value)
        case "bit-string", Quality():
            return value.bits
        case "octet-string", bytes():
            return value
        case "bit-string" | "visible-string" | "mMSString", str():
            return value
        case "utc-time", Timestamp():
            return value
        case "utc-time", datetime() if value.tzinfo is not None:
            try:
                return Timestamp.from_unix(value.astimezone(UTC).timestamp())
            except ValueError as error:
                raise UnusableValue(str(error)) from None
        case "binary-time", EntryTime():
            return value
    raise UnusableValue(f"{value!r:.60} does not fit: the device wants {_WANTED[described.tag]}")


def _in_range(described: Primitive, value: int) -> int:
    bits = abs(described.size) or 64
    low, high = (
        (0, (1 << bits) - 1) if described.tag == "unsigned" else (-(1 << bits - 1), (1 << bits - 1) - 1)
    )
    if not low <= value <= high:
        raise UnusableValue(f"{value} is outside {low}..{high}, the range of the device's {bits}-bit number")
    return value


_WANTED = {
    "boolean": "true or false",
    "integer": "a whole number",
    "unsigned": "a whole number not below 0",
    "floating-point": "a number",
    "bit-string": "a bit string of 0 and 1",
    "octet-string": "bytes",
    "visible-string": "a text",
    "mMSString": "a text",
    "utc-time": "a time with its time zone",
    "binary-time": "an entry time",
}
