"""The simulated house's heat: building, buffer tank and hot-water tank as five temperatures.

Every flow of heat is computed once and moved from one place to another, so the first law holds to rounding;
`Balance` adds up what crossed the boundary for whoever wants to check.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .heat_pump import CHARGE_FLOW_L_S, WATER_J_PER_L_K, Output
from .hot_water import COLD_WATER_CELSIUS
from .weather import Conditions

UA_AIR_OUT, UA_AIR_MASS, UA_MASS_OUT = 60.0, 900.0, 124.0
"""W/K; together 169 W/K from room to outdoors: about 140 m² of the 1970s with new windows."""
C_AIR, C_MASS = 3.5e6, 45e6
"""J/K of air with furniture, and of the heavy envelope."""
VENTING_UA, VENTING_ABOVE_K = 500.0, 2.5
"""W/K of open windows, when it is this much warmer inside than wanted, and cooler outside."""
INTERNAL_GAINS_W, WINDOW_M2 = 350.0, 4.0
C_LAYER, C_DHW = 150 * WATER_J_PER_L_K, 200 * WATER_J_PER_L_K
"""J/K of half the buffer tank (300 l), and of the hot-water tank (200 l)."""
UA_BUFFER_LAYER, UA_DHW_TANK = 1.2, 1.5
"""W/K of the tanks' insulation, lost into the room."""
UA_EMITTERS = 330.0
"""W/K of radiators and floors."""


@dataclass(slots=True)
class Balance:
    """Joules since the house was made. Stored heat grows by pump + backup + gains - losses - drawn."""

    pump: float = 0.0
    backup: float = 0.0
    """Electric, from the backup heater."""
    gains: float = 0.0
    losses: float = 0.0
    drawn: float = 0.0
    compressor: float = 0.0
    """Electric, into the refrigeration cycle."""
    source: float = 0.0
    """From air or ground; pump = compressor + source."""


@dataclass(frozen=True, slots=True)
class Water:
    """Where water runs during one substep."""

    charges_dhw: bool
    """The three-way valve sends the heat pump's water through the hot-water tank, not the buffer."""
    heating_l_s: float
    drawn_l_s: float


@dataclass(frozen=True, slots=True)
class HeatMoved:
    """What the heat meters of the house see during one substep, W."""

    heating: float
    drawn: float


class Building:
    """Temperatures in °C; steps must be far shorter than the 250 s in which both pumps empty a layer."""

    def __init__(self, outdoor: float, air: float, buffer: float, dhw: float) -> None:
        self.air = air
        self.mass = air - (air - outdoor) * UA_MASS_OUT / (UA_MASS_OUT + UA_AIR_MASS)
        self.top = self.bottom = buffer
        self.dhw = dhw
        self.balance = Balance()

    @property
    def stored_j(self) -> float:
        """Heat in building and tanks above 0 °C, J."""
        tanks = C_LAYER * (self.top + self.bottom) + C_DHW * self.dhw
        return C_AIR * self.air + C_MASS * self.mass + tanks

    def emitted_w(self, water_l_s: float) -> float:
        """Heat the emitters give to the room when water of the buffer's top runs through them."""
        water = water_l_s * WATER_J_PER_L_K
        return water * (self.top - self.air) * -math.expm1(-UA_EMITTERS / water) if water else 0.0

    def move(
        self,
        sky: Conditions,
        cycle: Output,
        backup_w: float,
        water: Water,
        room_setpoint: float,
        dt: float,
    ) -> HeatMoved:
        """Move heat for `dt` seconds: the cycle's into the buffer or the hot water, the backup heater's into
        the buffer's top, the rest by temperatures.

        The heat pump charges from the buffer's bottom to its top; the heating circuit takes from the top and
        returns to the bottom. Water drawn from the hot-water tank is replaced by cold water.
        """
        outdoor = sky.temperature
        to_buffer = 0.0 if water.charges_dhw else cycle.sink_w
        charge = CHARGE_FLOW_L_S * WATER_J_PER_L_K if to_buffer else 0.0
        # Both circuits exchange water between the layers, litre for litre.
        downwards = (water.heating_l_s * WATER_J_PER_L_K + charge) * (self.top - self.bottom)
        emitted = self.emitted_w(water.heating_l_s)
        top_loss = UA_BUFFER_LAYER * (self.top - self.air)
        bottom_loss = UA_BUFFER_LAYER * (self.bottom - self.air)
        dhw_loss = UA_DHW_TANK * (self.dhw - self.air)
        venting = self.air > room_setpoint + VENTING_ABOVE_K and outdoor < self.air
        air_to_out = (UA_AIR_OUT + (VENTING_UA if venting else 0.0)) * (self.air - outdoor)
        air_to_mass = UA_AIR_MASS * (self.air - self.mass)
        mass_to_out = UA_MASS_OUT * (self.mass - outdoor)
        gains = INTERNAL_GAINS_W + WINDOW_M2 * sky.solar
        drawn = water.drawn_l_s * WATER_J_PER_L_K * (self.dhw - COLD_WATER_CELSIUS)

        to_air = emitted + top_loss + bottom_loss + dhw_loss + gains - air_to_mass - air_to_out
        self.top += (to_buffer + backup_w - downwards - top_loss) * dt / C_LAYER
        self.bottom += (downwards - emitted - bottom_loss) * dt / C_LAYER
        self.dhw += ((cycle.sink_w - to_buffer) - drawn - dhw_loss) * dt / C_DHW
        self.air += to_air * dt / C_AIR
        self.mass += (air_to_mass - mass_to_out) * dt / C_MASS

        self.balance.pump += cycle.sink_w * dt
        self.balance.compressor += cycle.compressor_w * dt
        self.balance.source += cycle.source_w * dt
        self.balance.backup += backup_w * dt
        self.balance.gains += gains * dt
        self.balance.losses += (air_to_out + mass_to_out) * dt
        self.balance.drawn += drawn * dt
        return HeatMoved(emitted, drawn)
