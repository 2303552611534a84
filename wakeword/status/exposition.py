"""Counts as Prometheus reads them. The names are listed in docs/status.md; `prometheus_client` spells them."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from wakeword.status.figures import Figures, Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BY_NAME = {  # what is counted -> label, help
    "candidates": ("word", "words that stage 1 asked for"),
    "rejected": ("word", "candidates that stage 2 refused"),
    "wakes": ("word", "candidates that both stages accepted"),
    "late": ("word", "wakes not asked for because they came too late"),
    "sessions": ("why", "sessions that were closed, by cause"),
    "denied": ("why", "wakes that the gate denied, by cause"),
    "faults": ("code", "faults, by code"),
    "ended": ("process", "ends of processes"),
    "holds": ("", "times that wake words were held"),
}


class Families(Collector):
    """The metrics at this moment."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """Each family once."""
        figures = self._figures
        for what, (label, text) in BY_NAME.items():
            family = CounterMetricFamily(f"wakeword_{what}", text, labels=[label] if label else [])
            for (kind, name), count in sorted(figures.counts.items()):
                if kind == what:
                    family.add_metric([name] if label else [], count)
            yield family
        yield CounterMetricFamily("wakeword_heard_seconds", "sound that was heard", value=figures.heard_s)
        yield CounterMetricFamily("wakeword_passed_bytes", "bytes that the gate let pass", value=figures.passed_bytes)
        yield CounterMetricFamily("wakeword_sent_bytes", "bytes that the uplink sent", value=figures.sent_bytes)
        yield GaugeMetricFamily("wakeword_listening", "1 while sound is heard", value=figures.listening)
        yield GaugeMetricFamily("wakeword_well", "1 while nothing is wrong", value=figures.state()["well"])
        yield GaugeMetricFamily("wakeword_muted", "1 while the microphone is closed", value=figures.muted)
        yield GaugeMetricFamily("wakeword_held", "1 while wake words are held", value=figures.held)
        yield GaugeMetricFamily("wakeword_session_open", "1 while a session is open", value=figures.session is not None)
        if figures.level_dbfs is not None:
            yield GaugeMetricFamily("wakeword_level_dbfs", "level of the last 80 ms", value=figures.level_dbfs)
        yield _histogram("wakeword_decision_lag_seconds", "from a word's last sample to the wake", figures.lag)
        yield _histogram("wakeword_session_seconds", "length of sessions", figures.length)


def exposition(figures: Figures) -> bytes:
    """The text of one answer."""
    return bytes(generate_latest(Families(figures)))


def _histogram(name: str, text: str, histogram: Histogram) -> HistogramMetricFamily:
    buckets = [(str(bound), float(count)) for bound, count in zip(histogram.bounds, histogram.counts, strict=True)]
    return HistogramMetricFamily(name, text, buckets=[*buckets, ("+Inf", histogram.count)], sum_value=histogram.sum)
