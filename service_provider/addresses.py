"""Heat pump ids and their public addresses ``<id>@<hub domain>/IEC`` (DESIGN section 3)."""

from __future__ import annotations

import re

RESOURCE = "IEC"
"""The resource of every box (8-2, 6.1)."""
MAX_ID = 64
"""Characters of a heat pump id."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)


class InvalidHeatPumpId(ValueError):
    """Text that cannot be a heat pump's id."""


def address_of(heatpump: str, hub: str) -> str:
    """The full JID to send a request to; raises InvalidHeatPumpId."""
    if len(heatpump) > MAX_ID or not _ID.fullmatch(heatpump):
        raise InvalidHeatPumpId(
            f"{heatpump[:80]!r} is not a heat pump id: give the part before the @, e.g. hp0001"
        )
    return f"{heatpump.lower()}@{hub}/{RESOURCE}"


def heatpump_at(address: str, hub: str) -> str | None:
    """The heat pump an address belongs to; None if it is no heat pump of this hub."""
    bare, _, resource = address.partition("/")
    name, _, domain = bare.partition("@")
    return name if name and domain == hub and resource == RESOURCE else None
