"""What the hub tells Prometheus. Read from its state when asked, so that routing costs no more for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


@dataclass(slots=True)
class Counts:
    """What happened since the start, counted where it happens."""

    stanzas: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By kind (iq, message, presence) and outcome."""
    over_limit: Counter[str] = field(default_factory=Counter)
    """Refused by a limit: rate, outstanding, presence."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Not sent: link down, server too slow, queue full."""
    used: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Passed on since the last entry in the accounts, by provider, heat pump and service."""
    audit_written: int = 0
    audit_failed: int = 0
    audit_failing: bool = False
    """The last entry could not be written."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state at the moment of asking."""

    link_up: bool
    roster_revision: int
    heat_pumps: int
    providers: int
    presence: Counter[str]
    provider_sessions: int
    domains_unreachable: int
    in_hand: int
    paced: int
    spreading: int
    loop_lag: float
    counts: Counts


class HubCollector(Collector):
    """Turns a snapshot into Prometheus' metrics."""

    def __init__(self, router: str, look: Callable[[], Snapshot]) -> None:
        self._router = router
        self._look = look

    def describe(self) -> Iterable[Metric]:
        """Nothing: so the registry does not ask before the hub runs."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The metrics now."""
        now = self._look()
        yield self._gauge("hub_link_up", "1 while the link to the XMPP server is up", float(now.link_up))
        yield self._gauge("hub_roster_revision", "revision of the roster in force", now.roster_revision)
        yield self._gauge("hub_heat_pumps", "heat pumps in the roster", now.heat_pumps)
        yield self._gauge("hub_providers", "service providers in the roster", now.providers)
        yield self._gauge(
            "hub_provider_sessions", "provider sessions told of presence", now.provider_sessions
        )
        yield self._gauge(
            "hub_domains_unreachable", "domains of boxes and providers out of reach", now.domains_unreachable
        )
        yield self._gauge("hub_stanzas_in_hand", "stanzas that wait for the audit", now.in_hand)
        yield self._gauge("hub_stanzas_paced", "presence stanzas that wait for their turn", now.paced)
        yield self._gauge("hub_members_waiting", "members of groups that wait to be asked", now.spreading)
        yield self._gauge("hub_loop_lag_seconds", "how late the event loop's last tick was", now.loop_lag)
        presence = GaugeMetricFamily("hub_presence", "heat pumps by link state", labels=["router", "state"])
        for state in ("online", "offline", "unknown"):
            presence.add_metric([self._router, state], now.presence[state])
        yield presence
        stanzas = CounterMetricFamily(
            "hub_stanzas", "stanzas taken, by what became of them", labels=["router", "kind", "outcome"]
        )
        for (kind, outcome), count in sorted(now.counts.stanzas.items()):
            stanzas.add_metric([self._router, kind, outcome], count)
        yield stanzas
        yield self._counter("hub_over_limit", "stanzas refused by a limit", "limit", now.counts.over_limit)
        yield self._counter("hub_dropped", "stanzas that could not be sent", "reason", now.counts.dropped)
        audit = CounterMetricFamily("hub_audit_entries", "audit entries", labels=["router", "outcome"])
        audit.add_metric([self._router, "written"], now.counts.audit_written)
        audit.add_metric([self._router, "failed"], now.counts.audit_failed)
        yield audit

    def _gauge(self, name: str, text: str, value: float) -> Metric:
        family = GaugeMetricFamily(name, text, labels=["router"])
        family.add_metric([self._router], value)
        return family

    def _counter(self, name: str, text: str, label: str, counts: Counter[str]) -> Metric:
        family = CounterMetricFamily(name, text, labels=["router", label])
        for key, count in sorted(counts.items()):
            family.add_metric([self._router, key], count)
        return family


def registry_of(*collectors: Collector) -> CollectorRegistry:
    """A registry with these metrics only."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return registry
