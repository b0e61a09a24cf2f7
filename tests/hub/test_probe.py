"""/health, /ready and /metrics as whoever watches sees them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection

import pytest

from hub.metrics import Counts, HubCollector, Snapshot, registry_of
from hub.probe import Probe


@dataclass
class Watched:
    """Stands in for the hub's process."""

    unhealthy: list[str] = field(default_factory=list)
    unready: list[str] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)

    def snapshot(self) -> Snapshot:
        return Snapshot(
            link_up=True,
            roster_revision=7,
            heat_pumps=3,
            providers=1,
            presence=Counter({"online": 2, "offline": 1}),
            provider_sessions=1,
            domains_unreachable=0,
            in_hand=4,
            paced=5,
            spreading=0,
            loop_lag=0.25,
            counts=self.counts,
        )


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def probe(watched: Watched) -> Iterator[Probe]:
    registry = registry_of(HubCollector("router", watched.snapshot))
    it = Probe(("127.0.0.1", 0), registry, lambda: watched.unhealthy, lambda: watched.unready)
    it.start()
    yield it
    it.stop()


def ask(probe: Probe, path: str, method: str = "GET") -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", probe.port, timeout=5)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_all_is_well(probe: Probe) -> None:
    assert ask(probe, "/health") == (200, "ok\n")
    assert ask(probe, "/ready") == (200, "ok\n")


def test_what_is_wrong_is_said(probe: Probe, watched: Watched) -> None:
    watched.unready = ["no link to the XMPP server", "the audit cannot be written"]
    assert ask(probe, "/ready") == (503, "no link to the XMPP server\nthe audit cannot be written\n")
    assert ask(probe, "/health")[0] == 200
    watched.unhealthy = ["the event loop has not moved for 12 s"]
    assert ask(probe, "/health") == (503, "the event loop has not moved for 12 s\n")


def test_metrics_are_of_the_moment(probe: Probe, watched: Watched) -> None:
    watched.counts.stanzas["iq", "forwarded"] += 5
    watched.counts.over_limit["rate"] += 2
    watched.counts.audit_failed = 1
    status, text = ask(probe, "/metrics")
    assert status == 200
    lines = text.splitlines()
    for line in (
        'hub_link_up{router="router"} 1.0',
        'hub_roster_revision{router="router"} 7.0',
        'hub_presence{router="router",state="online"} 2.0',
        'hub_presence{router="router",state="unknown"} 0.0',
        'hub_stanzas_total{kind="iq",outcome="forwarded",router="router"} 5.0',
        'hub_over_limit_total{limit="rate",router="router"} 2.0',
        'hub_audit_entries_total{outcome="failed",router="router"} 1.0',
        'hub_loop_lag_seconds{router="router"} 0.25',
    ):
        assert line in lines
    watched.counts.stanzas["iq", "forwarded"] += 1
    assert 'hub_stanzas_total{kind="iq",outcome="forwarded",router="router"} 6.0' in ask(probe, "/metrics")[1]


def test_anything_else_says_what_there_is(probe: Probe) -> None:
    status, text = ask(probe, "/")
    assert status == 404
    assert "/metrics" in text
