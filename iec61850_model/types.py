"""The basic attribute types of 7-2 and SCL: their MMS form, range and value at rest."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from iec61850_model.mms.pdu import Data, DataAccessError, Primitive, Tag
from iec61850_model.values import NO_TIME, QUALITY_BITS, EntryTime, Quality, Timestamp

Value: TypeAlias = bool | int | float | str | bytes | Timestamp | EntryTime | Quality
"""A basic value as the model holds it."""


class ValueRefused(ValueError):
    """A value that an attribute cannot take; ``error`` is what a client is told."""

    def __init__(self, message: str, error: DataAccessError = DataAccessError.TYPE_INCONSISTENT) -> None:
        super().__init__(message)
        self.error = error


@dataclass(frozen=True, slots=True)
class BasicType:
    """One basic type. ``name`` is SCL's bType; ``literals`` are an enumeration's texts by number."""

    name: str
    primitive: Primitive
    rest: Value
    check: Callable[[Any], Value]
    literals: Mapping[int, str] | None = None

    @property
    def tag(self) -> Tag:
        """The MMS kind of its values."""
        return self.primitive.tag

    def checked(self, value: Any) -> Value:
        """The value, brought to this type's Python form.

        Raises ValueRefused: type-inconsistent for another kind of value, object-value-invalid out of range.
        """
        checked = self.check(value)
        if self.literals is not None and checked not in self.literals:
            raise _invalid(value, f"one of {', '.join(f'{n} {text}' for n, text in self.literals.items())}")
        return checked

    def to_data(self, value: Value) -> Data:
        """The MMS value."""
        if isinstance(value, Quality):
            return Data(self.tag, value.bits)
        return Data(self.tag, value)

    def from_data(self, data: Data) -> Value:
        """The model's value of an MMS value; raises ValueRefused."""
        if data.tag != self.tag and (data.tag, self.tag) not in _INTERCHANGEABLE:
            raise ValueRefused(f"{self.name} is carried as {self.tag}, got {data.tag}")
        return self.checked(data.value)

    def from_text(self, text: str) -> Value:
        """The value of an SCL Val element or of what a person typed; raises ValueRefused.

        Booleans are ``true``, ``false``, 1 or 0; octets are hexadecimal; a quality is its 13 bits.
        """
        if self.literals is not None:
            return self._literal(text)
        match self.tag:
            case "boolean":
                return self.checked(_boolean_text(text))
            case "integer" | "unsigned":
                return self.checked(_number_text(text, int))
            case "floating-point":
                return self.checked(_number_text(text, float))
            case "octet-string":
                return self.checked(_octets_text(text))
            case "utc-time" | "binary-time":
                raise ValueRefused(f"a {self.name} has no text form in SCL")
        return self.checked(text)

    def _literal(self, text: str) -> Value:
        for number, literal in (self.literals or {}).items():
            if literal == text:
                return number
        return self.checked(_number_text(text, int))


def _invalid(value: object, wanted: str) -> ValueRefused:
    return ValueRefused(f"{value!r:.60} is not {wanted}", DataAccessError.OBJECT_VALUE_INVALID)


def _boolean_text(text: str) -> bool:
    words = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in words:
        raise ValueRefused(f"{text[:40]!r} is neither true nor false")
    return words[text.lower()]


def _number_text(text: str, kind: type[int] | type[float]) -> int | float:
    try:
        return kind(text)
    except ValueError:
        raise ValueRefused(f"{text[:40]!r} is not a number") from None


def _octets_text(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ValueRefused(f"{text[:40]!r} is not hexadecimal") from None


# --- checks ---------------------------------------------------------------------------------------


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueRefused(f"{value!r:.60} is not a boolean")
    return value


def _whole(low: int, high: int) -> Callable[[object], int]:
    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueRefused(f"{value!r:.60} is not a whole number")
        if not low <= value <= high:
            raise _invalid(value, f"in {low}..{high}")
        return int(value)

    return check


def _float32(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueRefused(f"{value!r:.60} is not a number")
    try:
        if not math.isfinite(value):
            raise _invalid(value, "a finite number")
        rounded: float = struct.unpack(">f", struct.pack(">f", value))[0]
    except OverflowError:
        raise _invalid(value, "a number of single precision") from None
    return rounded


def _text(size: int, printable: bool) -> Callable[[object], str]:
    def check(value: object) -> str:
        if not isinstance(value, str):
            raise ValueRefused(f"{value!r:.60} is not a text")
        if len(value) > size or (printable and not (value.isascii() and value.isprintable())):
            raise _invalid(value, f"at most {size} {'printable ASCII ' if printable else ''}characters")
        if any("\ud800" <= char <= "\udfff" or char in "\ufffe\uffff" for char in value):
            raise _invalid(value, "text that XML can carry: no surrogates, U+FFFE or U+FFFF")
        return value

    return check


def _octets(low: int, high: int) -> Callable[[object], bytes]:
    def check(value: object) -> bytes:
        if not isinstance(value, bytes):
            raise ValueRefused(f"{value!r:.60} is not octets")
        if not low <= len(value) <= high:
            raise _invalid(value, f"{low} to {high} octets")
        return value

    return check


def _bits(size: int) -> Callable[[object], str]:
    def check(value: object) -> str:
        if not isinstance(value, str) or value.strip("01"):
            raise ValueRefused(f"{value!r:.60} is not a bit string")
        if len(value) != size:
            raise _invalid(value, f"{size} bits")
        return value

    return check


def _quality(value: object) -> Quality:
    if isinstance(value, Quality):
        return value
    return Quality.from_bits(_bits(QUALITY_BITS)(value))


def _instance(kind: type[Timestamp] | type[EntryTime]) -> Callable[[object], Value]:
    def check(value: object) -> Value:
        if not isinstance(value, kind):
            raise ValueRefused(f"{value!r:.60} is not a {kind.__name__}")
        return value

    return check


# --- the types ------------------------------------------------------------------------------------


def _integer(name: str, tag: Tag, bits: int) -> BasicType:
    signed = tag == "integer"
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    return BasicType(name, Primitive(tag, bits), 0, _whole(low, high))


def _visible(name: str, size: int) -> BasicType:
    return BasicType(name, Primitive("visible-string", -size), "", _text(size, printable=True))


_INTERCHANGEABLE = {("integer", "unsigned"), ("unsigned", "integer")}
"""Kinds a peer may mix up: the range check decides, and strings of digits look the same in XML anyway."""

BASIC_TYPES: Mapping[str, BasicType] = {
    basic.name: basic
    for basic in (
        BasicType("BOOLEAN", Primitive("boolean"), False, _boolean),
        _integer("INT8", "integer", 8),
        _integer("INT16", "integer", 16),
        _integer("INT32", "integer", 32),
        _integer("INT64", "integer", 64),
        _integer("INT8U", "unsigned", 8),
        _integer("INT16U", "unsigned", 16),
        _integer("INT32U", "unsigned", 32),
        BasicType("FLOAT32", Primitive("floating-point", 32), 0.0, _float32),
        BasicType("Dbpos", Primitive("bit-string", 2), "00", _bits(2)),
        BasicType("Tcmd", Primitive("bit-string", 2), "00", _bits(2)),
        BasicType("Check", Primitive("bit-string", 2), "00", _bits(2)),
        BasicType("Quality", Primitive("bit-string", -QUALITY_BITS), Quality(0), _quality),
        BasicType("Timestamp", Primitive("utc-time"), NO_TIME, _instance(Timestamp)),
        BasicType("EntryTime", Primitive("binary-time"), EntryTime(0, 0), _instance(EntryTime)),
        BasicType("Octet64", Primitive("octet-string", -64), b"", _octets(0, 64)),
        BasicType("EntryID", Primitive("octet-string", 8), bytes(8), _octets(8, 8)),
        _visible("VisString32", 32),
        _visible("VisString64", 64),
        _visible("VisString65", 65),
        _visible("VisString129", 129),
        _visible("VisString255", 255),
        _visible("ObjRef", 129),
        BasicType("Unicode255", Primitive("mMSString", -255), "", _text(255, printable=False)),
    )
}


def enumeration(name: str, literals: Mapping[int, str]) -> BasicType:
    """The type of an enumeration: an integer on the wire (8-2 Table 3), only the listed numbers allowed."""
    rest = 0 if 0 in literals else min(literals, default=0)
    return BasicType(name, Primitive("integer", 8), rest, _whole(-128, 127), dict(literals))
