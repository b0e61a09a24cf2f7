"""What operations tells Prometheus, read from its state when asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hub.operations.commands.desk import Ending
from hub.operations.desk import Stage
from hub.operations.process import OperationsSnapshot
from hub.registry import SteeringState


class OperationsMetrics(Collector):
    """Turns a snapshot into Prometheus' metrics."""

    def __init__(self, look: Callable[[], OperationsSnapshot]) -> None:
        self._look = look

    def describe(self) -> Iterable[Metric]:
        """Nothing: so the registry does not ask before operations runs."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The metrics now."""
        now = self._look()
        yield GaugeMetricFamily(
            "ops_link_up", "1 while the link to the XMPP server is up", float(now.link_up)
        )
        jobs = GaugeMetricFamily("ops_jobs", "what is to be done in boxes, by what it is", labels=["state"])
        for state in (SteeringState.PENDING, SteeringState.ENDING):
            jobs.add_metric([state.value], now.jobs[state.value])
        yield jobs
        boxes = GaugeMetricFamily("ops_boxes", "boxes in which something is to be done", labels=["stage"])
        for stage in Stage:
            boxes.add_metric([stage.value], now.boxes[stage.value])
        yield boxes
        yield GaugeMetricFamily("ops_unwritten", "what is done and not yet in the registry", now.unwritten)
        yield GaugeMetricFamily(
            "ops_loop_lag_seconds", "how late the event loop's last tick was", now.loop_lag
        )
        finished = CounterMetricFamily("ops_finished", "jobs that were done", labels=["what"])
        for what, count in sorted(now.counts.finished.items()):
            finished.add_metric([what], count)
        yield finished
        commands = CounterMetricFamily("ops_commands", "commands of chat clients", labels=["outcome"])
        for outcome in Ending:
            commands.add_metric([outcome.value], now.commands[outcome])
        yield commands
        yield GaugeMetricFamily("ops_command_sessions", "commands that are being given", now.sessions)
        yield CounterMetricFamily("ops_troubles", "attempts that failed", now.counts.troubles)
        settings = CounterMetricFamily(
            "ops_settings", "settings of a box read or written back", labels=["what"]
        )
        for what, count in sorted(now.settings.done.items()):
            settings.add_metric([what], count)
        yield settings
