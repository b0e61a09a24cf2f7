"""The box's clock, and whether it can be trusted."""

from __future__ import annotations

import ctypes
import enum
import time
from ctypes.util import find_library

from iec61850_model.server import Moment

_TIME_ERROR = 5
"""Return value of adjtimex(2): the kernel's clock is not synchronized."""
_TIMEX_OCTETS = 512
"""More than struct timex has on any Linux; only the return value is looked at."""


class ClockSource(enum.StrEnum):
    """Who says that the clock is right."""

    KERNEL = "kernel"
    """The kernel, which an NTP client (systemd-timesyncd, chrony) has told."""
    TRUSTED = "trusted"
    """The operator: for machines whose time is kept from outside (virtual machines, containers)."""


class Clock:
    """UTC seconds since 1970, and whether they are synchronized."""

    def __init__(self, source: ClockSource) -> None:
        self._trusted = source is ClockSource.TRUSTED
        self._libc = ctypes.CDLL(find_library("c") or "libc.so.6", use_errno=True)

    @staticmethod
    def time() -> float:
        """UTC seconds since 1970."""
        return time.time()

    def moment(self) -> Moment:
        """Now, with the clock's own word on whether it is synchronized."""
        return Moment(time.time(), self._trusted or self._kernel_synchronized())

    def _kernel_synchronized(self) -> bool:
        state = self._libc.adjtimex(ctypes.create_string_buffer(_TIMEX_OCTETS))
        return 0 <= int(state) < _TIME_ERROR
