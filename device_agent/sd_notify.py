"""Words to systemd (sd_notify(3)): one datagram each to the socket that NOTIFY_SOCKET names."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

import structlog

log = structlog.get_logger()

READY, STOPPING, ALIVE = "READY=1", "STOPPING=1", "WATCHDOG=1"
WORDS_IN_TIMEOUT = 3
"""So two words of life may be late before systemd restarts the box."""


class Notifier:
    """Says to systemd how the process is; does nothing where systemd did not start it."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self.every = _every(environment) if self._address else None
        """Seconds between two words of life that systemd wants; None: it does not watch."""

    def say(self, *words: str) -> None:
        """Send ``words``, such as ``READY``. What cannot be sent is logged: systemd draws its conclusions."""
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
                to.setblocking(False)
                to.sendto("\n".join(words).encode(), self._address)
        except OSError as error:
            log.warning("systemd was not told", words=words, reason=str(error))


def _address(text: str) -> str | None:
    """A path, or with @ a name in the abstract name space (a leading zero octet)."""
    if text.startswith("@"):
        return f"\0{text[1:]}"
    return text if text.startswith("/") else None


def _every(environment: Mapping[str, str]) -> float | None:
    """WATCHDOG_USEC, if it is meant for this process (sd_watchdog_enabled(3))."""
    microseconds, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not (microseconds.isascii() and microseconds.isdigit()) or int(microseconds) == 0:
        return None
    if pid and pid != str(os.getpid()):
        return None
    return int(microseconds) / 1e6 / WORDS_IN_TIMEOUT
