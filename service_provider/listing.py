"""What the hub lists for you: the heat pumps and groups that you hold a grant for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from service_provider.addresses import GROUP_SIGN, heatpump_at
from service_provider.presence import Presence


@dataclass(frozen=True, slots=True)
class Listed:
    """A heat pump and its link state, or a group, which has none (``presence`` None)."""

    id: str
    presence: Presence | None

    @property
    def name(self) -> str:
        """As it is named in commands: ``hp0001``, or ``@north`` for a group."""
        return self.id if self.presence is not None else f"{GROUP_SIGN}{self.id}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON: heatpump or group, the other one null, and presence, null for a group."""
        pump = self.presence is not None
        return {
            "heatpump": self.id if pump else None,
            "group": None if pump else self.id,
            "presence": self.presence.value if self.presence is not None else None,
        }


def listed_at(address: str, hub: str, presence_of: Callable[[str], Presence]) -> Listed | None:
    """What is reached at an address: a heat pump at a full JID, a group at a bare one; None: neither."""
    heatpump = heatpump_at(address, hub)
    if heatpump is not None:
        return Listed(heatpump, presence_of(heatpump))
    group, _, domain = address.partition("@")
    return Listed(group, None) if group and domain == hub else None
