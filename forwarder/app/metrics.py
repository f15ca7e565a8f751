"""The metrics: one table, which is collected at each scrape and shown in the documents.

Users are never labels: strangers choose them, and a metric for each would have no end.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from forwarder import __version__
from forwarder.app.status import Observation
from forwarder.delivery.health import Histogram
from forwarder.events import WARNINGS
from forwarder.inputs.syslog.sockets import LISTENER_WARNINGS
from forwarder.text import escaped

PREFIX = "esa_forwarder_"

Row = Mapping[str, Any]
Sample = tuple[tuple[str, ...], Any]
"""Values of the labels, and a number or Histogram; None where there is none."""

_FAMILIES: Mapping[str, Callable[..., Any]] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "histogram": HistogramMetricFamily,
}


class Definition(NamedTuple):
    """A metric: what it is called, and where it comes from."""

    name: str  # without the prefix
    labels: tuple[str, ...]
    meaning: str
    read: Callable[[Observation], Iterable[Sample]]
    is_histogram: bool = False

    @property
    def kind(self) -> str:
        """``counter``, ``gauge`` or ``histogram``."""
        if self.is_histogram:
            return "histogram"
        return "counter" if self.name.endswith("_total") else "gauge"


def _one(part: str, key: str) -> Callable[[Observation], Iterable[Sample]]:
    return lambda seen: [((), (seen.status[part] or {}).get(key))]


def _output(key: str) -> Callable[[Observation], Iterable[Sample]]:
    return lambda seen: (((x,), y[key]) for x, y in seen.status["outputs"].items())


def _inputs(seen: Observation) -> Row:
    return seen.status["inputs"] or {}


def _appliance(key: str) -> Callable[[Observation], Iterable[Sample]]:
    return lambda seen: (((x["appliance"],), x[key]) for x in _inputs(seen).get("appliances", ()))


def _letters(key: str) -> Callable[[Observation], Iterable[Sample]]:
    return lambda seen: (
        ((x,), seen.status["dead_letters"].get(x, {}).get(key, 0)) for x in seen.status["outputs"]
    )


def _attention(seen: Observation) -> Iterator[Sample]:
    found = [x.critical for x in seen.status["attention"]]
    yield ("critical",), sum(found)
    yield ("warning",), len(found) - sum(found)


def _joined(seen: Observation) -> Iterator[Sample]:
    for row in _inputs(seen).get("appliances", ()):
        yield (row["appliance"], "true"), row["joined"]
        yield (row["appliance"], "false"), row["logins"] - row["joined"]


def _lost(seen: Observation) -> Iterator[Sample]:
    for name, output in seen.status["outputs"].items():
        dropped = output["dropped"]["documents"] if output["dropped"] else 0
        yield (name, "spool_full"), dropped
        yield (name, "spool_damaged"), output["lost"]


def _events(seen: Observation) -> Iterator[Sample]:
    for action, outcome, number in _inputs(seen).get("events", ()):
        yield (action, outcome or "unknown"), number


def _warnings(seen: Observation) -> Iterator[Sample]:
    numbers = _inputs(seen).get("warnings", {})
    return (((x.name,), numbers.get(x.name, 0)) for x in WARNINGS)


def _refused(seen: Observation) -> Iterator[Sample]:
    for row in _inputs(seen).get("listeners", ()):
        for reason in LISTENER_WARNINGS:
            yield (row["address"], reason), row[reason]


def _listener(key: str) -> Callable[[Observation], Iterable[Sample]]:
    return lambda seen: (((x["address"],), x[key]) for x in _inputs(seen).get("listeners", ()))


TABLE = (
    Definition("build_info", ("version",), "1; the version of the program is its label",
               lambda _: [((__version__,), 1)]),
    Definition("status_timestamp_seconds", (), "when the service last read its own status",
               lambda x: [((), x.at)]),
    Definition("attention", ("severity",),
               "what `status` lists as needing attention: `critical` or `warning`", _attention),
    Definition("read_bytes_total", (), "bytes of logs read", _one("inputs", "bytes")),
    Definition("read_lines_total", (), "lines read", _one("inputs", "lines")),
    Definition("events_total", ("action", "outcome"), "events: logins and ends of sessions",
               _events),
    Definition("parse_warnings_total", ("kind",),
               "lines, files and documents skipped, truncated or not understood", _warnings),
    Definition("reading_paused", (), "1 while nothing is read",
               lambda x: [((), x.status["reading"]["paused_since"] is not None)]),
    Definition("open_connections", (), "open connections in the logs",
               _one("connections", "open")),
    Definition("files", (), "log files being followed", _one("inputs", "files")),
    Definition("behind_bytes", ("appliance",), "bytes of log files not read yet",
               lambda x: (((y,), z) for y, z in _inputs(x).get("behind_of", {}).items())),
    Definition("lost_log_bytes", (), "bytes of log files deleted before they were read",
               _one("inputs", "lost_bytes")),
    Definition("appliance_read_bytes_total", ("appliance",), "bytes of logs read",
               _appliance("bytes")),
    Definition("appliance_logins_total", ("appliance", "joined"),
               "logins whose line names a connection, by whether the connection is known", _joined),
    Definition("appliance_lag_seconds", ("appliance",),
               "from the timestamp of the latest line to when it was read",
               _appliance("lag_seconds")),
    Definition("appliance_last_line_timestamp_seconds", ("appliance",),
               "timestamp of the latest line", _appliance("last_line")),
    Definition("appliance_open_connections", ("appliance",), "open connections in its logs",
               _appliance("open_connections")),
    Definition("appliance_silent", ("appliance",),
               "1 while it has sent nothing for longer than `silence`",
               lambda x: ((y, z is not None) for y, z in _appliance("silent_since")(x))),
    Definition("listener_messages_total", ("address",), "syslog messages received",
               _listener("messages")),
    Definition("listener_connections", ("address",), "open connections from senders",
               _listener("connections")),
    Definition("listener_refused_total", ("address", "reason"),
               "messages and connections refused, dropped, truncated or closed", _refused),
    Definition("spool_documents", (), "documents in the spool", _one("spool", "documents")),
    Definition("spool_bytes", (), "size of the documents in the spool", _one("spool", "bytes")),
    Definition("spool_max_bytes", (), "size limit of the spool", _one("spool", "max_bytes")),
    Definition("spool_disk_free_bytes", (), "free space on the disk of the state folder",
               _one("spool", "disk_free_bytes")),
    Definition("output_waiting_documents", ("output",), "documents waiting for the output",
               _output("waiting")),
    Definition("output_oldest_document_seconds", ("output",), "wait of its oldest document so far",
               lambda x: ((y, z or 0) for y, z in _output("oldest_seconds")(x))),
    Definition("output_delivered_total", ("output",), "documents that the output accepted",
               _output("delivered")),
    Definition("output_rejected_total", ("output",), "documents that the output rejected for good",
               _output("rejected")),
    Definition("output_retried_total", ("output",), "documents sent again",
               _output("retried")),
    Definition("output_filtered_total", ("output",), "documents that the output's filter dropped",
               _output("filtered")),
    Definition("output_postponed_documents", ("output",),
               "documents postponed while the output accepts others", _output("put_off")),
    Definition("output_failing", ("output",), "1 while the output accepts nothing",
               lambda x: ((y, z is not None) for y, z in _output("failing_since")(x))),
    Definition("output_last_success_timestamp_seconds", ("output",),
               "when the output last accepted documents, since the service started",
               lambda x: (((y,), z.delivered_at) for y, z in x.meters.items())),
    Definition("output_batch_documents", ("output",), "documents per call of the output",
               lambda x: (((y,), z.documents) for y, z in x.meters.items()), is_histogram=True),
    Definition("output_call_seconds", ("output",), "duration of a call of the output",
               lambda x: (((y,), z.seconds) for y, z in x.meters.items()), is_histogram=True),
    Definition("dead_letters", ("output",), "dead letters kept", _letters("number")),
    Definition("dead_letter_bytes", ("output",), "size of the dead letters", _letters("bytes")),
    Definition("lost_documents_total", ("output", "reason"),
               "documents dropped because the spool was full (until settled) or damaged in it",
               _lost),
)  # fmt: skip


class _Collector(NamedTuple):
    seen: Observation

    def collect(self) -> Iterator[Metric]:
        for each in TABLE:
            family = _FAMILIES[each.kind](PREFIX + each.name, each.meaning, labels=each.labels)
            for labels, value in each.read(self.seen):
                shown = [*map(escaped, labels)]
                if isinstance(value, Histogram):
                    family.add_metric(shown, [*value.buckets()], value.sum)
                elif value is not None:
                    family.add_metric(shown, value)
            yield family


def write(seen: Observation, accept: str) -> tuple[bytes, str]:
    """Write all metrics in a format that a client accepts; return the type, too."""
    encode, kind = choose_encoder(accept)
    return encode(_Collector(seen)), kind
