"""Which settings of a heat pump outlive its box, and how their values are shown to people.

The names are those of ``config/heatpump-box.icd``; a test compares. Schedules are not among them: they are
those of grants, run for a day, and their holders set them anew. What box.yaml says goes with the house's
wiring.
"""

from __future__ import annotations

import json

from iec61850_model.client.plain import shortest
from iec61850_model.mms import xer
from iec61850_model.mms.one_value import value_in
from iec61850_model.mms.pdu import Data
from iec61850_model.reference import Reference
from iec61850_model.values import FunctionalConstraint

SETTINGS = (Reference("HP", "HcFCSD1", ("Crv",), FunctionalConstraint.SP),)
"""Written by SetDataValues: the heating curve."""
SET_POINTS = (
    Reference("HP", "RmFSPT1", ("SptVal",)),
    Reference("HP", "DhwFSPT1", ("SptVal",)),
    Reference("DER", "DWMX1", ("WMaxSpt",)),
)
"""Operated: room and hot water set point, limit of power. Kept is what was commanded, not what a schedule or
nobody wanted when it was read: ``Hld1`` says who did."""
HOLDER = "Hld1"
COMMANDED = "command"
"""How ``Hld1`` begins while a direct command holds the object."""
MAX_VALUE = 4_096
"""Characters of a value that is kept; a heating curve of ten points takes 900."""
_UNREADABLE = "?"


def shown(text: str | None) -> str:
    """A kept value for people: a number, or the parts of a structure in brackets; empty: there is none."""
    if text is None:
        return ""
    found = plain(text)
    return _UNREADABLE if found is None else json.dumps(found)


def plain(text: str | None) -> object:
    """The same for programs: numbers, texts and lists. None: there is none, or it cannot be read."""
    if text is None:
        return None
    try:
        return _plain(value_in(text))
    except (xer.MalformedPdu, ValueError):
        return None


def _plain(data: Data) -> object:
    match data.value:
        case tuple() as parts:
            inside = [_plain(one) for one in parts]
            return inside[0] if data.tag == "structure" and len(inside) == 1 else inside
        case float() as number:
            return shortest(number)
        case bool() | int() | str() as value:
            return value
    return str(data.value)
