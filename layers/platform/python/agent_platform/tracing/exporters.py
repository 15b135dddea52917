"""Where spans go: to a collector by OTLP over HTTP, or to X-Ray by the daemon that Lambda keeps beside a function."""

import base64
import logging
import socket
from collections import deque
from collections.abc import Callable, Sequence
from threading import Thread
from time import monotonic

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from agent_platform.observability import get_logger
from agent_platform.settings import TracingSettings

MOST_SPANS = 2048
"""Kept until they are sent; the oldest are dropped."""

SEND_SECONDS = 1.0
"""How long a request waits at its end for its spans to be sent. What takes longer is lost."""

PAUSE_SECONDS = 30.0
"""For so long nothing is sent to a collector that did not take what came last."""

DATAGRAM_BYTES = 63_000
"""Of one UDP packet; the protocol allows 65,507."""

_HEADER = b'{"format":"json","version":1}\n'
_SAMPLED_SPANS = b"T1S"
"""What X-Ray's daemon, which knows JSON segments, is told before base64 of OTLP: spans that are to be recorded
(github.com/aws-observability/aws-otel-python-instrumentation, OTLPUdpSpanExporter)."""


def exporter(settings: TracingSettings) -> SpanExporter:
    """The exporter that the environment asks for; a collector comes before X-Ray."""
    if settings.to_xray:
        return XRayExporter(settings.aws_xray_daemon_address)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    # It complains in lines of its own about what `Outbox` logs already.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    return OTLPSpanExporter(timeout=SEND_SECONDS)  # the endpoint and headers are OpenTelemetry's own variables


class Outbox(SpanProcessor):
    """Keeps ended spans until `send`. Safe for threads."""

    def __init__(self, exporter: SpanExporter, clock: Callable[[], float] = monotonic) -> None:
        self._exporter = exporter
        self._clock = clock
        self._ended: deque[ReadableSpan] = deque(maxlen=MOST_SPANS)
        self._not_before = 0.0

    def on_end(self, span: ReadableSpan) -> None:
        """Keep it, if it is to be recorded."""
        if span.context and span.context.trace_flags.sampled:
            self._ended.append(span)

    def send(self) -> None:
        """Send what is kept, within `SEND_SECONDS`. What cannot be sent is lost, and the log says how much."""
        spans = [self._ended.popleft() for _ in range(len(self._ended))]
        if not spans or self._clock() < self._not_before:
            return
        # In a thread of its own: a time-out bounds each read of an answer, not the whole.
        done: list[SpanExportResult] = []
        sending = Thread(target=self._export, args=(spans, done), name="send_spans", daemon=True)
        sending.start()
        sending.join(SEND_SECONDS)
        if done != [SpanExportResult.SUCCESS]:
            self._not_before = self._clock() + PAUSE_SECONDS
            get_logger().warning("traces_not_sent", extra={"spans": len(spans), "pause_seconds": PAUSE_SECONDS})

    def shutdown(self) -> None:
        """Close the exporter's connections."""
        self._exporter.shutdown()

    def _export(self, spans: Sequence[ReadableSpan], done: list[SpanExportResult]) -> None:
        try:
            done.append(self._exporter.export(spans))
        except Exception:  # noqa: BLE001 - no request fails for the sake of its trace
            done.append(SpanExportResult.FAILURE)


class XRayExporter(SpanExporter):
    """Sends spans to X-Ray's daemon, as OTLP in UDP packets: no collector, and no endpoint in the VPC."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._address = (host, int(port))
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send them in as many packets as they need."""
        packet = _HEADER + _SAMPLED_SPANS + base64.b64encode(encode_spans(spans).SerializeToString())
        if len(packet) > DATAGRAM_BYTES and len(spans) > 1:
            half = len(spans) // 2
            results = {self.export(spans[:half]), self.export(spans[half:])}
            return SpanExportResult.FAILURE if SpanExportResult.FAILURE in results else SpanExportResult.SUCCESS
        try:
            self._socket.sendto(packet, self._address)
        except OSError:
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Close the socket."""
        self._socket.close()
