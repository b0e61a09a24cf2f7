"""The standard quantities of the history: which data object of a box becomes which column, in which unit.

The one table that joins LD AVG of the model (config/heatpump-box.icd) to the table ``sample``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity of which each 5 minutes have one value.

    ``bit``: its place in the masks ``invalid`` and ``questionable``; given once and never to another.
    ``reference``: the data object. ``whole``: a counter reading, else a single-precision average.
    """

    bit: int
    column: str
    reference: str
    unit: str
    whole: bool = False


QUANTITIES = (
    Quantity(0, "electric_power", "AVG/MMXU1.TotW", "W"),
    Quantity(1, "reactive_power", "AVG/MMXU1.TotVAr", "var"),
    Quantity(2, "voltage", "AVG/MMXU1.PhV.phsA", "V"),
    Quantity(3, "forward_temperature", "AVG/FwdSTMP1.Tmp", "°C"),
    Quantity(4, "return_temperature", "AVG/RetSTMP1.Tmp", "°C"),
    Quantity(5, "buffer_top_temperature", "AVG/BufSTMP1.Tmp", "°C"),
    Quantity(6, "buffer_bottom_temperature", "AVG/BufSTMP2.Tmp", "°C"),
    Quantity(7, "dhw_temperature", "AVG/DhwSTMP1.Tmp", "°C"),
    Quantity(8, "source_in_temperature", "AVG/BriSTMP1.Tmp", "°C"),
    Quantity(9, "source_out_temperature", "AVG/BriSTMP2.Tmp", "°C"),
    Quantity(10, "outdoor_temperature", "AVG/OutMMET1.EnvTmp", "°C"),
    Quantity(11, "room_temperature", "AVG/RmMMET1.EnvTmp", "°C"),
    Quantity(12, "room_humidity", "AVG/RmMMET1.EnvHum", "%"),
    Quantity(13, "space_heating_flow", "AVG/ShMFLW1.FlwRte", "l/s"),
    Quantity(14, "dhw_flow", "AVG/DhwMFLW1.FlwRte", "l/s"),
    Quantity(15, "space_heating_power", "AVG/ShMHET1.HeatOut", "W"),
    Quantity(16, "dhw_power", "AVG/DhwMHET1.HeatOut", "W"),
    Quantity(17, "electric_energy", "AVG/MMTR1.DmdWh", "Wh", whole=True),
    Quantity(18, "space_heating_energy", "AVG/ShGGIO1.CntVal1", "Wh", whole=True),
    Quantity(19, "dhw_energy", "AVG/DhwGGIO1.CntVal1", "Wh", whole=True),
)
"""In the order of their bits."""

BY_REFERENCE = {quantity.reference: quantity for quantity in QUANTITIES}
