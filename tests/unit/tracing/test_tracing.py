"""Spans as a collector receives them; and that nothing is loaded, lost or told where it should not be."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent_platform import tracing
from agent_platform.errors import ModelOverloaded
from tests.fakes.otlp import Collector, collector

__all__ = ["collector"]

ROOT = Path(__file__).parents[3]
TRACE, PARENT = "67a1b2c30123456789abcdef01234567", "53995c3f42cd8ad8"


def test_where_no_exporter_is_configured_nothing_of_opentelemetry_is_loaded():
    code = """
import sys
from agent_platform import tracing
with tracing.continue_trace("0" * 31 + "1"), tracing.span("work", "server", {"a": 1}) as span:
    span.set({"b": 2}); span.rename("other"); span.fail("code")
    assert tracing.current_traceparent() is None
tracing.flush()
assert not tracing.is_on()
print([name for name in sys.modules if name.startswith(("opentelemetry", "google.protobuf", "requests"))])
"""
    path = f"{ROOT / 'layers/platform/python'}{os.pathsep}{ROOT}"
    environment = {"PYTHONPATH": path, "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_spans_stand_under_each_other_in_the_trace_that_they_continue(collector: Collector):
    with tracing.continue_trace(f"00-{TRACE}-{PARENT}-01"), tracing.span("outer", "server"):
        assert tracing.current_traceparent()
        with tracing.span("inner", "client", {"number": 3, "absent": None, "many": ["a", "b"]}):
            pass
    tracing.flush()
    inner, outer = collector.spans
    assert (inner.name, inner.kind, inner.trace_id, inner.parent) == ("inner", "client", TRACE, outer.id)
    assert (outer.name, outer.kind, outer.trace_id, outer.parent) == ("outer", "server", TRACE, PARENT)
    assert inner.attributes == {"number": 3, "many": ["a", "b"]}
    assert outer.service == "agent-platform"


def test_a_bare_trace_id_is_continued_at_its_root_or_under_what_bears_it(collector: Collector):
    with tracing.continue_trace(TRACE), tracing.span("root"):
        pass
    with tracing.continue_trace(TRACE, PARENT), tracing.span("part"):
        pass
    tracing.flush()
    assert [(span.trace_id, span.parent) for span in collector.spans] == [(TRACE, ""), (TRACE, PARENT)]


def test_within_its_own_trace_nothing_is_begun_anew(collector: Collector):
    with tracing.continue_trace(TRACE), tracing.span("outer"):
        with tracing.continue_trace(TRACE), tracing.span("inner"):
            pass
        with tracing.continue_trace("a" * 32), tracing.span("foreign"):
            pass
        with tracing.span("last"):
            pass
    tracing.flush()
    outer = collector.named("outer")
    assert collector.named("inner").parent == collector.named("last").parent == outer.id
    assert (collector.named("foreign").trace_id, collector.named("foreign").parent) == ("a" * 32, "")


def test_under_lambda_the_invocations_own_segment_is_the_parent(collector: Collector, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={PARENT};Sampled=1;Lineage=1:a:0")
    assert tracing.new_trace_id() == TRACE
    assert tracing.trace_header(TRACE) == f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={PARENT};Sampled=1"
    with tracing.continue_trace(TRACE), tracing.span("of this invocation"):
        here = tracing.current_traceparent()
        assert here
        assert tracing.trace_header(TRACE) == f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={here[36:52]};Sampled=1"
    with tracing.continue_trace("a" * 32), tracing.span("of another"):
        pass
    tracing.flush()
    assert [span.parent for span in collector.spans] == [PARENT, ""]
    assert tracing.trace_header("a" * 32) == f"Root=1-{'a' * 8}-{'a' * 24}"


def test_what_a_parent_does_not_record_is_not_recorded(collector: Collector):
    with tracing.continue_trace(f"00-{TRACE}-{PARENT}-00"), tracing.span("unheard"):
        assert (tracing.current_traceparent() or "").endswith("-00")
    tracing.flush()
    assert collector.requests == 0


def test_a_failure_is_named_by_its_code_or_class_and_never_told_in_words(collector: Collector):
    for error in (ModelOverloaded("the secret sauce"), ValueError("the secret sauce")):
        with pytest.raises(type(error)), tracing.span("outer"), tracing.span(type(error).__name__):
            raise error
    tracing.flush()
    overloaded, unexpected = collector.named("ModelOverloaded"), collector.named("ValueError")
    assert (overloaded.failed, overloaded.attributes) == (True, {"error.type": "model_overloaded"})
    assert (unexpected.failed, unexpected.attributes) == (True, {"error.type": "ValueError"})
    assert b"sauce" not in b"".join(collector.raw)


def test_the_first_failure_is_the_one_that_is_told(collector: Collector):
    def work() -> None:
        with tracing.span("work") as span:
            span.fail("first")
            raise ValueError("later")

    with pytest.raises(ValueError, match="later"):
        work()
    tracing.flush()
    assert collector.named("work").attributes == {"error.type": "first"}


def test_links_lead_to_other_traces_and_what_is_none_is_left_out(collector: Collector):
    links = [f"00-{TRACE}-{PARENT}-01", None, "nonsense", f"00-{'0' * 32}-{PARENT}-01"]
    with tracing.span("process", "consumer", links=links):
        pass
    tracing.flush()
    assert collector.named("process").links == (TRACE,)


def test_work_outside_of_any_process_is_recorded_when_it_is_over(collector: Collector):
    began = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
    with tracing.span("who hears of the end"):
        tracing.past_span("run", TRACE, began, began + timedelta(minutes=3), {"a": 1}, span_id=PARENT)
        tracing.past_span("part", TRACE, began, began, {}, parent=PARENT, error_type="model_error")
    tracing.flush()
    run, part = collector.named("run"), collector.named("part")
    assert (run.trace_id, run.id, run.parent, run.nanoseconds) == (TRACE, PARENT, "", 180 * 10**9)
    assert (part.trace_id, part.parent, part.failed, part.attributes["error.type"]) == (
        TRACE,
        PARENT,
        True,
        "model_error",
    )


def test_threads_that_get_the_context_stay_in_the_trace(collector: Collector):
    def work() -> None:
        with tracing.span("in a thread"):
            pass

    with tracing.continue_trace(TRACE), tracing.span("outer"), ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(copy_context().run, work) for _ in range(2)]:
            done.result()
    tracing.flush()
    outer = collector.named("outer")
    parts = [span for span in collector.spans if span.name == "in a thread"]
    assert [(part.trace_id, part.parent) for part in parts] == [(TRACE, outer.id)] * 2
    assert parts[0].id != parts[1].id


def test_a_handler_sends_its_spans_before_it_answers_and_before_it_fails(collector: Collector):
    @tracing.flushed
    def handler(event: str, context: None) -> str:
        with tracing.span(event):
            if event == "bad":
                raise ValueError(event)
        return event

    assert handler("good", None) == "good"
    assert [span.name for span in collector.spans] == ["good"]
    with pytest.raises(ValueError, match="bad"):
        handler("bad", None)
    assert [span.name for span in collector.spans] == ["good", "bad"]


def test_a_missing_layer_is_told_and_stops_nobody(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TRACES", "xray")
    monkeypatch.setitem(sys.modules, "agent_platform.tracing.recorder", None)
    tracing.reset()
    with tracing.span("work"):
        assert not tracing.is_on()
    monkeypatch.undo()
    tracing.reset()


@pytest.mark.parametrize(
    ("record", "span"),
    [("019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11", "9f526f1f0f3a9b11"), ("nightly_run", None), ("0" * 32, None)],
)
def test_whoever_refers_to_a_run_names_the_same_span(record: str, span: str | None):
    found = tracing.span_id_of(record)
    assert found == tracing.span_id_of(record)
    assert len(found) == 16
    assert int(found, 16)
    assert span in (None, found)
