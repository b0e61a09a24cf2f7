"""The simulated house's backup heater: an electric rod in the buffer, with a thermostat of its own. No I/O.

It is what keeps a house from freezing when the heat pump cannot heat, and nobody's to command from far away.
"""

from __future__ import annotations

BACKUP_W = 6000.0
"""Electric, all of it heat in the water."""
ON_BELOW_CELSIUS, OFF_ABOVE_CELSIUS = 17.0, 17.5
"""Room temperatures: a house whose heat pump heats never gets so cold."""
BUFFER_MAX_CELSIUS = 55.0
"""Above this the rod's own thermostat opens, whatever the room asks."""


class BackupHeater:
    """On when the room is cold, off when it is warmer again. ``on`` says which."""

    def __init__(self) -> None:
        self.on = False
        self._asked_for = False

    def step(self, room: float, buffer_top: float, *, blocked: bool) -> float:
        """Decide; returns the power it takes now, W. Temperatures in °C; ``blocked``: it must not run."""
        if room < ON_BELOW_CELSIUS:
            self._asked_for = True
        elif room > OFF_ABOVE_CELSIUS:
            self._asked_for = False
        self.on = self._asked_for and not blocked and buffer_top < BUFFER_MAX_CELSIUS
        return BACKUP_W if self.on else 0.0
