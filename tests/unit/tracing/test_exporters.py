"""A collector that fails costs a request at most a second; X-Ray's daemon gets what it understands."""

import base64
import socket
from collections.abc import Iterator
from io import StringIO
from time import monotonic

import pytest

from agent_platform import tracing
from agent_platform.tracing import exporters
from tests.fakes.log import log
from tests.fakes.otlp import Collector, SentSpan, collector, read_spans

__all__ = ["collector", "log"]

TRACE = "67a1b2c30123456789abcdef01234567"
OTHER_TIME = 10.0
"""Seconds that no machine is slower by than it should be; the limit itself is one second."""


def record(name: str = "work") -> None:
    with tracing.span(name):
        pass


def test_a_collector_that_refuses_is_left_alone_for_a_while(
    collector: Collector, log: StringIO, monkeypatch: pytest.MonkeyPatch
):
    now = [100.0]
    recorder = tracing._recorder()
    assert recorder
    monkeypatch.setattr(recorder._outbox, "_clock", lambda: now[0])
    collector.status = 400
    record()
    tracing.flush()
    assert (collector.requests, log.getvalue().count("traces_not_sent")) == (1, 1)
    collector.status = 200
    record("in the pause")
    tracing.flush()
    assert collector.requests == 1
    now[0] += exporters.PAUSE_SECONDS
    record("afterwards")
    tracing.flush()
    assert [span.name for span in collector.spans] == ["afterwards"]


def test_a_collector_that_never_answers_is_not_waited_for(collector: Collector, log: StringIO):
    collector.stalled.set()
    record()
    began = monotonic()
    tracing.flush()
    assert monotonic() - began < exporters.SEND_SECONDS + OTHER_TIME
    assert "traces_not_sent" in log.getvalue()


def test_a_collector_that_is_not_there_is_no_failure(log: StringIO, monkeypatch: pytest.MonkeyPatch):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        tracing.reset()
        record()
        tracing.flush()
    assert "traces_not_sent" in log.getvalue()
    monkeypatch.undo()
    tracing.reset()


def test_only_so_many_spans_are_kept(collector: Collector, monkeypatch: pytest.MonkeyPatch):
    for number in range(exporters.MOST_SPANS + 5):
        record(str(number))
    tracing.flush()
    names = [span.name for span in collector.spans]
    assert (len(names), names[0]) == (exporters.MOST_SPANS, "5")


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """X-Ray's daemon, as far as a function sees it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(10)
        monkeypatch.setenv("TRACES", "xray")
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", f"127.0.0.1:{listening.getsockname()[1]}")
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "platform-api")
        tracing.reset()
        yield listening
    monkeypatch.undo()
    tracing.reset()


def received(daemon: socket.socket) -> list[SentSpan]:
    packet = daemon.recv(65_536)
    header, _, body = packet.partition(b"\n")
    assert header == b'{"format":"json","version":1}'
    assert body[:3] == b"T1S"
    return read_spans(base64.b64decode(body[3:], validate=True))


def test_x_rays_daemon_gets_the_spans_of_what_x_ray_records(daemon: socket.socket, monkeypatch: pytest.MonkeyPatch):
    root = f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent=53995c3f42cd8ad8"
    monkeypatch.setenv("_X_AMZN_TRACE_ID", f"{root};Sampled=0")
    with tracing.continue_trace(TRACE):
        record("left out")
    with tracing.continue_trace(f"00-{'a' * 32}-{'b' * 16}-01"):
        record("left out, whatever the caller says")
    with tracing.continue_trace(TRACE, "c" * 16):
        record("left out as well")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", f"{root};Sampled=1")
    with tracing.continue_trace(TRACE):
        record("recorded")
    tracing.flush()
    (span,) = received(daemon)
    assert (span.name, span.trace_id, span.parent) == ("recorded", TRACE, "53995c3f42cd8ad8")


def test_many_spans_go_in_packets_that_fit(daemon: socket.socket):
    for number in range(300):
        with tracing.span(f"span {number}", attributes={"filling": "x" * 200}):
            pass
    tracing.flush()
    names = list[str]()
    while len(names) < 300:
        names += [span.name for span in received(daemon)]
    assert names == [f"span {number}" for number in range(300)]
