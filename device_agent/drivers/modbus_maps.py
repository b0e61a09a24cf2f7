"""Register maps of Modbus meters, one table a meter.

Only what a box can use is in a table. Ranges are what the meter could truthfully show with room to spare;
a value outside is a fault of wiring, of the map or of the bus, and is not passed on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

FLOAT32_REGISTERS = 2
"""An IEEE 754 float32 takes two registers, the more significant first."""


@dataclass(frozen=True, slots=True)
class Float32:
    """A float32 in two input registers (function code 04), most significant register first."""

    address: int
    low: float
    high: float
    scale: float = 1.0
    """Multiplies what the meter sends; `low` and `high` are in the scaled unit."""


@dataclass(frozen=True, slots=True)
class MeterMap:
    """Input registers of one model of meter: reading name -> register."""

    source: str
    """The document the addresses come from."""
    max_registers: int
    """The most registers the meter gives in one answer."""
    max_gap: int
    """The most unused registers read through rather than asking twice."""
    registers: Mapping[str, Float32]


EASTRON_SDM630 = MeterMap(
    source="Eastron, SDM630-Modbus MID V2 user manual, part 1.2 'Input registers' (30001..30075)",
    max_registers=80,  # the manual allows 40 parameters a request, two registers each
    max_gap=8,
    registers={
        "voltage_1": Float32(0x0000, 0, 500),  # V, line to neutral; 3X register 30001
        "voltage_2": Float32(0x0002, 0, 500),
        "voltage_3": Float32(0x0004, 0, 500),
        "current_1": Float32(0x0006, 0, 150),  # A; the meter measures to 100 A directly
        "current_2": Float32(0x0008, 0, 150),
        "current_3": Float32(0x000A, 0, 150),
        "power": Float32(0x0034, -150e3, 150e3),  # W, total system power; 30053
        "reactive_power": Float32(0x003C, -150e3, 150e3),  # var, total; 30061
        "power_factor": Float32(0x003E, -1.01, 1.01),  # total; 30063
        "frequency": Float32(0x0046, 40, 70),  # Hz; 30071
        "energy": Float32(0x0048, 0, 1e10, scale=1000),  # sent in kWh, given in Wh, imported; 30073
        "energy_exported": Float32(0x004A, 0, 1e10, scale=1000),  # sent in kWh, given in Wh; 30075
    },
)

MAPS: Mapping[str, MeterMap] = {"eastron-sdm630": EASTRON_SDM630}


def requests_for(meter: MeterMap, names: Collection[str]) -> list[tuple[int, int]]:
    """The fewest (address, count) requests that cover the named readings within the meter's limits."""
    requests: list[tuple[int, int]] = []
    for address in sorted({meter.registers[name].address for name in names}):
        end = address + FLOAT32_REGISTERS
        if requests:
            start, count = requests[-1]
            if address - (start + count) <= meter.max_gap and end - start <= meter.max_registers:
                requests[-1] = (start, end - start)
                continue
        requests.append((address, FLOAT32_REGISTERS))
    return requests
