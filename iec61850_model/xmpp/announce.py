"""Directed presence: how a hub or collector learns that somebody is there, without any subscription."""

from __future__ import annotations

import asyncio
import logging

from iec61850_model.xmpp.connection import Connection
from iec61850_model.xmpp.errors import NotConnected

log = logging.getLogger(__name__)

FIRST_RETRY = 5.0
"""Seconds until the presence is sent again after it bounced: the component is restarting."""
LAST_RETRY = 60.0
"""Longest time between two attempts, seconds."""


class Announcer:
    """Keeps a component informed of our presence (DESIGN section 3).

    Sent on login, whenever the component's own presence comes (it has restarted and is told nothing by the
    server), and again, ever more slowly, while it bounces.
    """

    def __init__(self, connection: Connection, component: str) -> None:
        self._connection = connection
        self._component = component
        self._delay = FIRST_RETRY
        self._again: asyncio.TimerHandle | None = None
        connection.on_online.append(self._online)
        connection.on_offline.append(lambda reason: self.stop())
        connection.on_presence.append(self._presence)

    def stop(self) -> None:
        """No further attempt."""
        if self._again is not None:
            self._again.cancel()
            self._again = None

    def _online(self) -> None:
        self._delay = FIRST_RETRY
        self.announce()

    def _presence(self, sender: str, type_: str) -> None:
        if sender != self._component:
            return
        if type_ == "available":
            self._delay = FIRST_RETRY
            self.announce()
        elif type_ == "error":
            self.stop()
            self._again = asyncio.get_running_loop().call_later(self._delay, self.announce)
            self._delay = min(2 * self._delay, LAST_RETRY)

    def announce(self) -> None:
        """Tell it now that we are there."""
        self.stop()
        try:
            self._connection.send_presence(self._component)
        except NotConnected as lost:
            log.info("presence for %s was not sent: %s", self._component, lost)
