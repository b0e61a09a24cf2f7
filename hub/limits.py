"""How much one sender may ask for, so that others keep their latency. I/O-free, time passed in.

A provider's or box's share is counted under its bare JID; of strangers under their domain, for they can make
up any number of names in their own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

MAX_COUNTED = 100_000
"""Senders counted at one time. One that was silent for as long as its share takes to fill up needs no count;
beyond this number the longest silent one starts anew."""
ANSWER_WITHIN = 30.0
"""Seconds after which a request without an answer no longer counts: clients give up sooner."""


@dataclass(frozen=True, slots=True)
class Share:
    """``rate`` a second in the long run, ``burst`` at once."""

    rate: float
    burst: float


@dataclass(slots=True)
class _Bucket:
    level: float
    at: float


class Shares:
    """A token bucket for each sender."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, sender: str, now: float, *, leave: float = 0.0) -> bool:
        """Count one more of ``sender``; False if it is over its share, or would leave less than ``leave``."""
        share = self._share
        bucket = self._buckets.get(sender)
        if bucket is None:
            if len(self._buckets) >= MAX_COUNTED:
                self._buckets.popitem(last=False)
            bucket = self._buckets[sender] = _Bucket(share.burst, now)
        else:
            self._buckets.move_to_end(sender)
            bucket.level = min(share.burst, bucket.level + max(0.0, now - bucket.at) * share.rate)
            bucket.at = now
        if bucket.level < 1.0 + leave:
            return False
        bucket.level -= 1.0
        return True

    def sweep(self, now: float) -> None:
        """Forget who was silent long enough to have his whole share again; about once a second."""
        full_after = self._share.burst / self._share.rate
        while self._buckets:
            sender, bucket = next(iter(self._buckets.items()))
            if now - bucket.at < full_after:
                return
            del self._buckets[sender]


@dataclass(slots=True)
class Outstanding:
    """Requests of each provider that have no answer yet; at most ``most`` of one.

    The router needs no state to route; this is only a count. What another router answers, or nobody,
    falls out of it after ANSWER_WITHIN seconds.
    """

    most: int
    _open: dict[str, OrderedDict[Hashable, float]] = field(default_factory=dict)

    def asked(self, provider: str, request: Hashable, now: float) -> bool:
        """Count a request; False if the provider waits for too many answers already."""
        waiting = self._open.setdefault(provider, OrderedDict())
        while waiting and now - next(iter(waiting.values())) > ANSWER_WITHIN:
            waiting.popitem(last=False)
        if request not in waiting and len(waiting) >= self.most:
            return False
        waiting[request] = now
        waiting.move_to_end(request)
        return True

    def answered(self, provider: str, request: Hashable) -> None:
        """The answer has come."""
        waiting = self._open.get(provider)
        if waiting is not None:
            waiting.pop(request, None)

    def count(self, provider: str) -> int:
        """How many answers a provider waits for."""
        return len(self._open.get(provider, ()))
