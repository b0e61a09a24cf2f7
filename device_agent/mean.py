"""The time-weighted mean of one quantity, and its quality. Pure: time is passed in."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from iec61850_model.values import GOOD, NOT_CONNECTED, Quality, Validity

GOOD_SHARE = 0.9
"""Share of an interval that good samples must cover for a good mean: half a minute may be missing in five."""
DOUBTFUL = Quality.QUESTIONABLE | Quality.INACCURATE
"""Quality of a mean whose good samples cover less."""
_DETAILS = ~Quality.QUESTIONABLE
"""All bits of a quality but the two of its validity."""


@dataclass(slots=True)
class Part:
    """The stretches in which samples of one validity stood: how long, their integral, and what was said of
    them (the detail bits of all of them)."""

    seconds: float = 0.0
    integral: float = 0.0
    details: Quality = GOOD

    def add(self, other: Part) -> None:
        """Add another stretch to this one."""
        self.seconds += other.seconds
        self.integral += other.integral
        self.details |= other.details


@dataclass(slots=True)
class Sum:
    """What is known of one quantity over some time: good and questionable parts. The rest is missing."""

    good: Part = field(default_factory=Part)
    questionable: Part = field(default_factory=Part)

    def add(self, other: Sum) -> None:
        """Add what is known over another time."""
        self.good.add(other.good)
        self.questionable.add(other.questionable)

    def mean(self, interval: float) -> tuple[float | None, Quality]:
        """The mean over ``interval`` seconds, and its quality, by this one rule:

        The mean is that of the parts with good samples, each weighted with the time it stood. It is good if
        they cover GOOD_SHARE of the interval, and questionable (inaccurate) if they cover less. Without any
        it is the mean of the questionable parts, questionable for their reasons (such as oldData). Without
        those there is none: invalid (failure). What else was said of samples in use (substituted, test,
        operatorBlocked) is said of their mean.
        """
        if self.good.seconds > 0:
            whole = self.good.seconds >= GOOD_SHARE * interval
            return _mean(self.good), self.good.details | (GOOD if whole else DOUBTFUL)
        if self.questionable.seconds > 0:
            return _mean(self.questionable), self.questionable.details | Quality.QUESTIONABLE
        return None, NOT_CONNECTED


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float
    value: float
    quality: Quality


class Mean:
    """Follows one quantity as a step function: a sample stands until the next, at most ``stands`` seconds.

    All times are seconds of one clock that never jumps.
    """

    def __init__(self, stands: float, at: float) -> None:
        self._stands = stands
        self._from = at
        self._standing = _Sample(at, 0.0, Quality.INVALID)
        self._coming: list[_Sample] = []

    def sample(self, value: float, quality: Quality, at: float) -> None:
        """A new sample; what is no number is a missing one."""
        known = math.isfinite(value)
        self._coming.append(_Sample(at, value if known else 0.0, quality if known else NOT_CONNECTED))

    def cut(self, until: float) -> Sum:
        """What is known from the last cut to ``until``; later samples wait for the next cut."""
        total = Sum()
        while self._coming and self._coming[0].at < until:
            sample = self._coming.pop(0)
            self._stand(total, sample.at)
            self._standing = sample
        self._stand(total, until)
        return total

    def _stand(self, total: Sum, until: float) -> None:
        """Count the standing sample from where counting is to ``until``."""
        seconds = min(until, self._standing.at + self._stands) - self._from
        self._from = max(self._from, until)
        match self._standing.quality.validity:
            case Validity.GOOD:
                part = total.good
            case Validity.QUESTIONABLE:
                part = total.questionable
            case _:
                return
        if seconds > 0:
            part.add(Part(seconds, self._standing.value * seconds, self._standing.quality & _DETAILS))


def _mean(part: Part) -> float:
    return part.integral / part.seconds
