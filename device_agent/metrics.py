"""What a box tells Prometheus. Read from its state when asked, so that measuring costs no more for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

METRICS_HOST = "127.0.0.1"
"""Metrics are for this machine only: a box opens no port to the house."""


@dataclass(slots=True)
class Counts:
    """What happened since the start, counted where it happens."""

    requests: Counter[str] = field(default_factory=Counter)
    """PDUs asked, by ``served`` or ``malformed``."""
    controls: Counter[str] = field(default_factory=Counter)
    """Commands, by ``done`` or the AddCause of the refusal."""
    reports: int = 0
    """Reports sent; a segment counts as one."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state at the moment of asking."""

    online: bool
    synchronized: bool
    failing: int
    associations: int
    waiting: float
    """Part of the room for the collector's reports that is taken by those never sent, 0..1."""
    unstored: int
    """Entries of reports and logs that could not be kept since the start."""
    counts: Counts


class BoxCollector(Collector):
    """Turns a snapshot into Prometheus' metrics."""

    def __init__(self, look: Callable[[], Snapshot]) -> None:
        self._look = look

    def describe(self) -> Iterable[Metric]:
        """Nothing: so the registry does not ask before the box runs."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The metrics now."""
        now = self._look()
        yield GaugeMetricFamily("box_link_up", "1 while the box is logged in", value=float(now.online))
        yield GaugeMetricFamily(
            "box_clock_synchronized", "1 while remote commands can be taken", value=float(now.synchronized)
        )
        yield GaugeMetricFamily("box_failing", "wired data objects without a usable value", value=now.failing)
        yield GaugeMetricFamily("box_associations", "associations of clients", value=now.associations)
        yield GaugeMetricFamily(
            "box_reports_waiting",
            "part of the collector's buffer that is taken by reports never sent, 0 to 1",
            value=now.waiting,
        )
        yield CounterMetricFamily("box_reports", "reports sent", value=now.counts.reports)
        yield CounterMetricFamily(
            "box_entries_lost", "entries of reports and logs that could not be kept", value=now.unstored
        )
        requests = CounterMetricFamily("box_requests", "PDUs asked, by what they were", labels=["kind"])
        for kind, count in sorted(now.counts.requests.items()):
            requests.add_metric([kind], count)
        yield requests
        controls = CounterMetricFamily("box_controls", "remote commands, by outcome", labels=["outcome"])
        for outcome, count in sorted(now.counts.controls.items()):
            controls.add_metric([outcome], count)
        yield controls


def registry_of(look: Callable[[], Snapshot]) -> CollectorRegistry:
    """A registry with the box's own metrics only."""
    registry = CollectorRegistry()
    registry.register(BoxCollector(look))
    return registry
