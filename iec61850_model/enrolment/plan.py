"""When a certificate is renewed. I/O-free; times in seconds since 1970 UTC."""

from __future__ import annotations

RENEW_AT = 2 / 3
"""Part of a certificate's life after which it is renewed: of 30 days, ten are left for what may go wrong."""
FIRST_RETRY = 600.0
"""Seconds until the next attempt after one that failed."""
LAST_RETRY = 4 * 3_600.0
"""Longest time between two attempts, seconds: some sixty in those ten days."""


class Plan:
    """When to renew. I/O-free; times in seconds since 1970 UTC."""

    def __init__(self, begins: float, ends: float) -> None:
        self._due = begins + RENEW_AT * (ends - begins)
        self._ends = ends
        self._next = self._due
        self._retry = FIRST_RETRY

    def due(self, now: float) -> bool:
        """Time for an attempt."""
        return now >= self._next

    def expired(self, now: float) -> bool:
        """The certificate lets nobody in any more: only as a guest can the next one be had."""
        return now >= self._ends

    def refused(self, now: float) -> None:
        """The server does not take it: it has run out, whatever our clock says, or is revoked."""
        if self._ends > 0.0:
            self._ends, self._next = 0.0, now

    def failed(self, now: float) -> None:
        """An attempt gave nothing."""
        self._next = now + self._retry
        self._retry = min(2 * self._retry, LAST_RETRY)
