"""Units and enumerations as people read them: numbers on the wire to texts (7-3 SIUnitKind and others)."""

from __future__ import annotations

from collections.abc import Mapping

from iec61850_model.values import ControlModel, OrCat

SI_UNITS: Mapping[int, str] = {
    1: "",
    2: "m",
    3: "kg",
    4: "s",
    5: "A",
    6: "K",
    7: "mol",
    8: "cd",
    9: "deg",
    10: "rad",
    11: "sr",
    21: "Gy",
    22: "Bq",
    23: "°C",
    24: "Sv",
    25: "F",
    26: "C",
    27: "S",
    28: "H",
    29: "V",
    30: "Ω",
    31: "J",
    32: "N",
    33: "Hz",
    34: "lx",
    35: "Lm",
    36: "Wb",
    37: "T",
    38: "W",
    39: "Pa",
    41: "m²",
    42: "m³",
    43: "m/s",
    44: "m/s²",
    45: "m³/s",
    46: "m/m³",
    47: "M",
    48: "kg/m³",
    49: "m²/s",
    50: "W/m K",
    51: "J/K",
    52: "ppm",
    53: "1/s",
    54: "rad/s",
    55: "W/m²",
    56: "J/m²",
    57: "S/m",
    58: "K/s",
    59: "Pa/s",
    60: "J/kg K",
    61: "VA",
    62: "W",
    63: "VAr",
    64: "phi",
    65: "cos(phi)",
    66: "Vs",
    67: "V²",
    68: "As",
    69: "A²",
    70: "A²t",
    71: "VAh",
    72: "Wh",
    73: "VArh",
    74: "V/Hz",
    75: "Hz/s",
    76: "char",
    77: "char/s",
    78: "kgm²",
    79: "dB",
    80: "J/Wh",
    81: "W/s",
    82: "l/s",
    83: "dBm",
    84: "h",
    85: "min",
    86: "Ω/m",
    87: "percent/s",
    88: "A/V",
    89: "A/Vs",
}
"""SIUnitKind of 7-3 as a symbol; 62 (Watts) is shown as W."""

MULTIPLIERS: Mapping[int, str] = {
    -24: "y",
    -21: "z",
    -18: "a",
    -15: "f",
    -12: "p",
    -9: "n",
    -6: "µ",
    -3: "m",
    -2: "c",
    -1: "d",
    0: "",
    1: "da",
    2: "h",
    3: "k",
    6: "M",
    9: "G",
    12: "T",
    15: "P",
    18: "E",
    21: "Z",
    24: "Y",
}
"""MultiplierKind of 7-3: the power of ten and its prefix."""

_DIMENSIONLESS = 1
_CENTI = -2


_BEHAVIOUR = {1: "on", 2: "blocked", 3: "test", 4: "test/blocked", 5: "off"}
_HEALTH = {1: "Ok", 2: "Warning", 3: "Alarm"}
_MATERIAL = {
    1: "Air",
    2: "Water",
    3: "Steam",
    4: "Oil",
    5: "Hydrogen",
    6: "Natural gas",
    7: "Butane",
    8: "Propane",
    9: "Waste gas",
    98: "Not applicable / Unknown",
    99: "Other",
}
_MATERIAL_STATE = {1: "Gaseous", 2: "Liquid", 3: "Solid", 98: "Not applicable / Unknown", 99: "Other"}
_CLOCK_SYNC = {0: "InternalClock", 1: "LocalAreaClock", 2: "GlobalAreaClock"}
_CLOCK_SOURCE = {1: "Unknown", 2: "SNTP", 3: "PTP", 4: "IRIG-B", 5: "Substation internal"}
_SCHEDULE_STATE = {1: "Not ready", 2: "Start Time required", 3: "Ready", 4: "Running"}
_SCHEDULE_ERROR = {
    1: "None",
    2: "Missing valid NumEntr",
    3: "Missing valid SchdIntv",
    4: "Missing valid schedule values",
    5: "Inconsistent values CDC",
    6: "Missing valid StrTm",
    99: "Other",
}
_OCCURRENCE = {0: "Time", 1: "WeekDay", 2: "WeekOfYear", 3: "DayOfMonth", 4: "DayOfYear", 5: "NONE"}
_PERIOD = {0: "Hour", 1: "Day", 2: "Week", 3: "Month", 4: "Year"}
_WEEK_DAY = {
    0: "reserved",
    1: "Monday",
    2: "Tuesday",
    3: "Wednesday",
    4: "Thursday",
    5: "Friday",
    6: "Saturday",
    7: "Sunday",
}
_CONTROL_MODEL = {
    int(model): text
    for model, text in zip(
        ControlModel,
        (
            "status-only",
            "direct-with-normal-security",
            "sbo-with-normal-security",
            "direct-with-enhanced-security",
            "sbo-with-enhanced-security",
        ),
        strict=True,
    )
}
_OR_CAT = {int(category): category.name.lower().replace("_", "-") for category in OrCat}

ENUMERATIONS: Mapping[str, Mapping[int, str]] = {
    "Beh": _BEHAVIOUR,
    "Mod": _BEHAVIOUR,
    "Health": _HEALTH,
    "PhyHealth": _HEALTH,
    "EEHealth": _HEALTH,
    "MatTyp": _MATERIAL,
    "MatSt": _MATERIAL_STATE,
    "TmSrcTyp": _CLOCK_SOURCE,
    "TmSyn": _CLOCK_SYNC,
    "SchdSt": _SCHEDULE_STATE,
    "SchdEnaErr": _SCHEDULE_ERROR,
    "occType": _OCCURRENCE,
    "occPer": _PERIOD,
    "weekDay": _WEEK_DAY,
    "ctlModel": _CONTROL_MODEL,
    "orCat": _OR_CAT,
    "SIUnit": SI_UNITS,
    "multiplier": MULTIPLIERS,
}
"""Enumerations by the name of the data object or attribute that has them (7-3, 7-4): the wire carries
numbers."""

_VALUE_NAMES = ("stVal", "setVal", "ctlVal")


def unit_text(si_unit: int, multiplier: int = 0) -> str:
    """The unit as people write it: ``kWh``, ``°C``, ``%``; empty for a plain number.

    A number that is in none of the tables of 7-3 is shown as it is.
    """
    if si_unit == _DIMENSIONLESS:
        if multiplier == _CENTI:
            return "%"
        return "" if multiplier == 0 else f"10^{multiplier}"
    unit = SI_UNITS.get(si_unit, f"unit {si_unit}")
    return MULTIPLIERS.get(multiplier, f"10^{multiplier} ") + unit


def enumeration(path: tuple[str, ...]) -> Mapping[int, str] | None:
    """The texts of the enumeration at ``path`` (data object, attributes), or None if it is not known as
    one."""
    for name in reversed(path):
        if name not in _VALUE_NAMES:
            return ENUMERATIONS.get(name)
    return None


def enumeration_text(path: tuple[str, ...], value: object) -> str | None:
    """The text of a value at ``path``, or None if it has none."""
    known = enumeration(path)
    if known is None or isinstance(value, bool) or not isinstance(value, int):
        return None
    return known.get(value)
