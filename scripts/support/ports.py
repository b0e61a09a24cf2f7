"""Free TCP ports on the loopback interface."""

from __future__ import annotations

import socket

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Return a loopback port nobody uses at this moment.

    Another process may take it before the caller does; a server that can share a reservation is better served
    by `ReservedPort`.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


class ReservedPort:
    """A loopback port kept for one server, over restarts of that server too.

    The port is bound but not listening, with SO_REUSEADDR: Linux then lets a server that also sets
    SO_REUSEADDR bind and listen on it, and gives it to nobody who asks for any free port.
    """

    def __init__(self, address: str = LOOPBACK) -> None:
        """Reserve a port on one of the loopback addresses 127.0.0.0/8."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((address, 0))
        self.number = int(self._socket.getsockname()[1])

    def release(self) -> None:
        """Give the port up. A second call does nothing."""
        self._socket.close()
