"""Whether the hub is there: a heartbeat, and what follows when it stops. I/O-free; monotonic seconds.

A heartbeat is any stanza that comes from the hub's own domain and is no error: an order of a provider (the
router passed it on), presence, or the answer to a ping. A box that heard nothing for a third of the time-out
pings the hub (XEP-0199). A link to the XMPP server that is up proves nothing, for the server lives on when
the hub dies and tells nobody; the collector's stanzas do not count, for it cannot steer.

| state | is left |
|---|---|
| unknown, from the start of the box | to ``here`` with a heartbeat; to ``lost`` after the time-out |
| here | to ``lost`` when no heartbeat came for the time-out |
| lost | to ``here`` with a heartbeat; to ``released`` after the fail-safe duration |
| released | to ``here`` with a heartbeat |

In ``lost`` the fail-safe rules of ``device_agent.authority`` hold; in ``released`` the house is on its own,
and the box says so. The clock of a box that starts without a hub runs from its start.
"""

from __future__ import annotations

from enum import Enum

DEFAULT_TIMEOUT_S = 120.0
"""Seconds: what EEBUS (use case Limitation of Power Consumption) asks of a heartbeat."""
DEFAULT_FAIL_SAFE_S = 7200.0
"""Seconds: the shortest fail-safe duration of EEBUS, 2 h."""
PINGS_IN_TIMEOUT = 3
"""So two pings may be lost before the hub is."""


class HubState(Enum):
    """What the box knows of its hub; the value is how it is logged."""

    UNKNOWN = "not heard of yet"
    HERE = "here"
    LOST = "lost"
    RELEASED = "lost for longer than the fail-safe duration"


class HubWatch:
    """Follows the heartbeat of one hub."""

    def __init__(self, timeout_s: float, fail_safe_s: float, now: float) -> None:
        self.state = HubState.UNKNOWN
        self._timeout_s = timeout_s
        self._fail_safe_s = fail_safe_s
        self._heard = now
        self._asked = now

    def heard(self, now: float) -> None:
        """A heartbeat came."""
        self._heard = self._asked = now
        self.state = HubState.HERE

    def tick(self, now: float) -> None:
        """Time has passed."""
        if self.state is not HubState.RELEASED and now >= self._heard + self._timeout_s:
            over = now >= self._heard + self._timeout_s + self._fail_safe_s
            self.state = HubState.RELEASED if over else HubState.LOST

    def ask(self, now: float) -> bool:
        """Whether to ping the hub now; True is said once for each ping."""
        if now - self._asked < self._timeout_s / PINGS_IN_TIMEOUT:
            return False
        self._asked = now
        return True

    @property
    def there(self) -> bool:
        """No fail-safe is to be taken."""
        return self.state in (HubState.UNKNOWN, HubState.HERE)
