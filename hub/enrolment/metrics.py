"""What the enrolment tells Prometheus, read from its state when asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hub.enrolment.process import EnrolmentSnapshot


class EnrolmentMetrics(Collector):
    """Turns a snapshot into Prometheus' metrics."""

    def __init__(self, look: Callable[[], EnrolmentSnapshot]) -> None:
        self._look = look

    def describe(self) -> Iterable[Metric]:
        """Nothing: so the registry does not ask before the enrolment runs."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The metrics now."""
        now = self._look()
        yield GaugeMetricFamily(
            "enrol_link_up", "1 while the link to the XMPP server is up", float(now.link_up)
        )
        yield GaugeMetricFamily("enrol_in_hand", "requests without an answer", now.in_hand)
        yield GaugeMetricFamily("enrol_revoked", "certificates that servers must refuse", now.revoked)
        answers = CounterMetricFamily("enrol_answers", "answers by outcome", labels=["outcome"])
        for outcome, count in sorted(now.answers.items()):
            answers.add_metric([outcome], count)
        yield answers
