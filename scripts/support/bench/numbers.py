"""Medians, percentiles and ratios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` (0..1) of ``values`` do not exceed; ``values`` may be in any order."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def paired(ours: Sequence[Mapping[str, float]], floor: Sequence[Mapping[str, float]], figure: str) -> float:
    """The median of the ratios of a figure, each of two measurements made one after the other."""
    return median(one[figure] / other[figure] for one, other in zip(ours, floor, strict=True))


def middle(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    """The median of each figure over several runs."""
    return {name: median(run[name] for run in runs) for name in runs[0]}
