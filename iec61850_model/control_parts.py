"""The parts of an Oper, SBOw or Cancel structure, read without the model that defines it (8-2 Table 67)."""

from __future__ import annotations

from typing import NamedTuple

from iec61850_model.mms.pdu import Data
from iec61850_model.values import NOW, Timestamp

_WHOLE = ("integer", "unsigned")
"""Kinds of a whole number that peers take for one another."""


class ControlParts(NamedTuple):
    """ctlVal, operTm (0 if there is none), origin, ctlNum, T and Test."""

    value: Data
    at: Timestamp
    or_cat: int
    or_ident: bytes
    number: int
    time: Timestamp
    test: bool


def control_parts(data: Data) -> ControlParts | None:
    """The parts by their order and kind: ctlVal, operTm or not, origin, ctlNum, T, Test, Check or not.

    None for anything else.
    """
    parts = _structure(data)
    if len(parts) < 2:
        return None
    timed = parts[1].tag == "utc-time"
    at = parts[1].value if timed else NOW
    match parts[2 if timed else 1 :]:
        case (
            origin,
            Data(kind, int(number)),
            Data("utc-time", Timestamp() as time),
            Data("boolean", bool(test)),
            *rest,
        ):
            pass
        case _:
            return None
    match _structure(origin):
        case (Data(cat_kind, int(or_cat)), Data("octet-string", bytes(or_ident))):
            pass
        case _:
            return None
    if kind not in _WHOLE or cat_kind not in _WHOLE or [one.tag for one in rest] not in ([], ["bit-string"]):
        return None
    assert isinstance(at, Timestamp)
    return ControlParts(parts[0], at, or_cat, or_ident, number, time, test)


def _structure(data: Data) -> tuple[Data, ...]:
    value = data.value
    if data.tag != "structure" or not isinstance(value, tuple):
        return ()
    return value
