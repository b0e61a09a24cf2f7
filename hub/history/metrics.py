"""What the collector tells Prometheus, read from its state when asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hub.history.collecting import Stage
from hub.history.collector import CollectorSnapshot


class HistoryMetrics(Collector):
    """Turns a snapshot into Prometheus' metrics."""

    def __init__(self, look: Callable[[], CollectorSnapshot]) -> None:
        self._look = look

    def describe(self) -> Iterable[Metric]:
        """Nothing: so the registry does not ask before the collector runs."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The metrics now."""
        now = self._look()
        yield GaugeMetricFamily(
            "history_link_up", "1 while the link to the XMPP server is up", float(now.link_up)
        )
        yield GaugeMetricFamily("history_waiting", "reports that wait to be stored", now.waiting)
        yield GaugeMetricFamily("history_asking", "requests to boxes without an answer", now.asking)
        yield GaugeMetricFamily(
            "history_loop_lag_seconds", "how late the event loop's last tick was", now.loop_lag
        )
        yield GaugeMetricFamily(
            "history_failing", "1 if the last transaction failed", float(now.counts.writer.failing)
        )
        boxes = GaugeMetricFamily("history_boxes", "followed boxes by stage", labels=["stage"])
        for stage in Stage:
            boxes.add_metric([stage.value], now.stages[stage.value])
        yield boxes
        yield CounterMetricFamily("history_reports", "reports received", now.counts.reports)
        writer = now.counts.writer
        samples = CounterMetricFamily("history_samples", "samples by what became of them", labels=["outcome"])
        samples.add_metric(["stored"], writer.stored)
        samples.add_metric(["double"], writer.doubles)
        samples.add_metric(["no consent"], writer.without_consent)
        samples.add_metric(["given back"], now.counts.given_back)
        yield samples
        transactions = CounterMetricFamily(
            "history_transactions", "transactions by outcome", labels=["outcome"]
        )
        transactions.add_metric(["done"], writer.transactions)
        transactions.add_metric(["failed"], writer.failures)
        yield transactions
        events = CounterMetricFamily("history_events", "what happened with boxes", labels=["event"])
        for word, count in sorted(now.counts.notes.items()):
            events.add_metric([word], count)
        yield events
        requests = CounterMetricFamily(
            "history_requests", "requests of providers by what became of them", labels=["outcome"]
        )
        for outcome, count in sorted(now.counts.serving.requests.items()):
            requests.add_metric([outcome], count)
        yield requests
        yield CounterMetricFamily("history_rows", "intervals sent to providers", now.counts.serving.rows)
