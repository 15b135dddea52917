"""A collector that takes OTLP over HTTP, on this machine: a real exporter sends to it, and it keeps the spans."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from agent_platform import tracing

_KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}


@dataclass(frozen=True)
class SentSpan:
    """One span as it came."""

    name: str
    kind: str
    trace_id: str
    id: str
    parent: str
    attributes: dict[str, Any]
    failed: bool
    links: tuple[str, ...]
    service: str
    nanoseconds: int


@dataclass
class Collector:
    """The collector. It answers 200 until `status` says otherwise, and not at all while `stalled` is set."""

    url: str = ""
    status: int = 200
    requests: int = 0
    raw: list[bytes] = field(default_factory=list)
    stalled: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    @property
    def spans(self) -> list[SentSpan]:
        """All spans so far, in the order in which they ended."""
        return [span for body in self.raw for span in read_spans(body)]

    def named(self, name: str) -> SentSpan:
        """The one span of this name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found


def read_spans(body: bytes) -> list[SentSpan]:
    """The spans of one export request."""
    found = []
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = {each.key: _value(each.value) for each in resource.resource.attributes}["service.name"]
        found += [
            SentSpan(
                name=span.name,
                kind=_KINDS[span.kind],
                trace_id=span.trace_id.hex(),
                id=span.span_id.hex(),
                parent=span.parent_span_id.hex(),
                attributes={each.key: _value(each.value) for each in span.attributes},
                failed=span.status.code == 2,
                links=tuple(link.trace_id.hex() for link in span.links),
                service=service,
                nanoseconds=span.end_time_unix_nano - span.start_time_unix_nano,
            )
            for scope in resource.scope_spans
            for span in scope.spans
        ]
    return found


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind)


@contextmanager
def running_collector() -> Iterator[Collector]:
    """Serve on a free port until the block ends."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.requests += 1
            if collector.stalled.is_set():
                collector.release.wait(30)
            elif collector.status == 200 and self.path == "/v1/traces":
                collector.raw.append(body)
            self.send_response(collector.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Who stopped waiting for an answer is no failure of the test."""

    with Server(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            collector.release.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that the platform's spans go to."""
    with running_collector() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.url)
        tracing.reset()
        yield running
        tracing.flush()
    monkeypatch.undo()
    tracing.reset()
