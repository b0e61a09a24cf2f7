"""Heat pump and group ids and their public addresses: ``<heat pump id>@<hub domain>/IEC``, ``<group id>@<hub
domain>`` (DESIGN section 3).
"""

from __future__ import annotations

import re

RESOURCE = "IEC"
"""The resource of every box (8-2, 6.1)."""
GROUP_SIGN = "@"
"""Stands before the id of a group where a heat pump or a group may be named."""
MAX_ID = 64
"""Characters of a heat pump or group id."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)


class InvalidHeatPumpId(ValueError):
    """Text that cannot be the id of a heat pump or group."""


def address_of(heatpump: str, hub: str) -> str:
    """The full JID to send a request to; raises InvalidHeatPumpId."""
    if len(heatpump) > MAX_ID or not _ID.fullmatch(heatpump):
        raise InvalidHeatPumpId(
            f"{heatpump[:80]!r} is not a heat pump id: give the part before the @, e.g. hp0001"
        )
    return f"{heatpump.lower()}@{hub}/{RESOURCE}"


def group_named(text: str) -> str | None:
    """The id of the group that ``@north`` means; None: a heat pump's id."""
    return text.removeprefix(GROUP_SIGN) if text.startswith(GROUP_SIGN) else None


def group_address(group: str, hub: str) -> str:
    """The bare JID to send a group's request to; raises InvalidHeatPumpId."""
    if len(group) > MAX_ID or not _ID.fullmatch(group):
        raise InvalidHeatPumpId(f"{group[:80]!r} is not the id of a group: give the part before the @")
    return f"{group.lower()}@{hub}"


def heatpump_at(address: str, hub: str) -> str | None:
    """The heat pump an address belongs to; None if it is no heat pump of this hub."""
    bare, _, resource = address.partition("/")
    name, _, domain = bare.partition("@")
    return name if name and domain == hub and resource == RESOURCE else None
