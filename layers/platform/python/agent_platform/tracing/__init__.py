"""Tracing by OpenTelemetry: nothing is imported, and nothing recorded, unless an exporter is configured.

Spans tell what was done, how long it took and how it ended, never what it was done with: no input, output, prompt or
message of an error is an attribute. Names follow OpenTelemetry's semantic conventions, those for generative AI
(github.com/open-telemetry/semantic-conventions-genai) included.
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cache, wraps
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol

from agent_platform.observability import get_logger, invocation, parent_of, sampled, trace_id_of, x_amzn_trace_id
from agent_platform.settings import TracingSettings, load

if TYPE_CHECKING:
    from agent_platform.tracing.recorder import Recorder

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Value = str | bool | int | float | Sequence[str]

TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
"""A W3C `traceparent`: its trace, its span and its flags, the lowest of which says whether it is recorded."""


class Span(Protocol):
    """Work that is under way."""

    def set(self, attributes: Mapping[str, Value | None]) -> None:
        """Tell more about it; None is left out."""

    def rename(self, name: str) -> None:
        """Give it the name that was not known when it began."""

    def fail(self, error_type: str) -> None:
        """Say that it failed, by a stable code or the name of an exception, never by its message."""


class _Nothing:
    """The span, and the continued trace, of a process that records none."""

    __slots__ = ()

    def __enter__(self) -> "_Nothing":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing was begun."""

    def set(self, attributes: Mapping[str, Value | None]) -> None:
        """Nobody listens."""

    def rename(self, name: str) -> None:
        """Nobody listens."""

    def fail(self, error_type: str) -> None:
        """Nobody listens."""


_NOTHING = _Nothing()


@cache
def _recorder() -> "Recorder | None":
    settings = load(TracingSettings)
    if not settings.traces and not settings.otel_exporter_otlp_endpoint:
        return None
    try:
        # 0.2 s of a cold start, and a layer of its own, which a stage without traces need not have.
        from agent_platform.tracing.recorder import Recorder
    except ImportError as error:
        get_logger().error("traces_not_recorded", extra={"reason": f"{error}: attach the layer `tracing`"})
        return None
    return Recorder(settings)


def is_on() -> bool:
    """Whether spans are recorded."""
    return _recorder() is not None


def span(
    name: str,
    kind: Kind = "internal",
    attributes: Mapping[str, Value | None] | None = None,
    *,
    links: Sequence[str | None] = (),
) -> AbstractContextManager[Span]:
    """A span around a block of work, under the current one. An exception that leaves the block marks it as failed.

    Args:
        links: `traceparent`s of spans in other traces that led to this one.
    """
    recorder = _recorder()
    return recorder.span(name, kind, attributes or {}, links) if recorder else _NOTHING


def past_span(
    name: str,
    trace: str,
    began: datetime,
    ended: datetime,
    attributes: Mapping[str, Value | None],
    *,
    kind: Kind = "internal",
    span_id: str | None = None,
    parent: str | None = None,
    error_type: str | None = None,
) -> None:
    """Record work once it is over: that of a state machine, or what was done for many traces at once.

    Args:
        trace: a `traceparent`, or the trace id alone.
        span_id: its own, 16 hex digits, where others could refer to it while it went on.
        parent: the span id of what it is a part of, where `trace` does not say.
    """
    recorder = _recorder()
    if recorder:
        recorder.past_span(name, kind, trace, began, ended, attributes, span_id, parent, error_type)


def continue_trace(trace: str, parent: str | None = None) -> AbstractContextManager[object]:
    """Put what follows into a trace that began elsewhere.

    Args:
        trace: a `traceparent`, or the trace id alone; then what follows stands under `parent`, else under the
            invocation of the Lambda function where that belongs to the same trace, else at the root.
        parent: a span id, of whatever bears the trace id alone.
    """
    recorder = _recorder()
    return recorder.continued(trace, parent) if recorder else _NOTHING


def current_traceparent() -> str | None:
    """The `traceparent` of the current span; None where spans are not recorded."""
    recorder = _recorder()
    return recorder.traceparent() if recorder else None


def traceparent_in(trace_id: str, otherwise: str) -> str:
    """The `traceparent` of the current span if it belongs to this trace; else one of the span id `otherwise`."""
    current = current_traceparent()
    return current if current and current[3:35] == trace_id else f"00-{trace_id}-{otherwise}-01"


def trace_id_of_traceparent(traceparent: str | None) -> str | None:
    """The trace id in a `traceparent`; None if it is none."""
    found = TRACEPARENT.fullmatch(traceparent or "")
    return found.group(1) if found else None


def span_id_of(record_id: str) -> str:
    """The span id, 16 hex digits, of what is known by this id, such as a run, wherever one refers to it."""
    digits = record_id.replace("-", "")[-16:]
    if re.fullmatch("(?!0{16})[0-9a-f]{16}", digits):
        return digits
    return hashlib.sha256(record_id.encode()).hexdigest()[:16]


def trace_header(trace_id: str) -> str:
    """X-Ray's header for whoever goes on with the trace: under the current span, sampled as this invocation is."""
    header, current = invocation(), current_traceparent()
    same = trace_id_of(header) == trace_id
    parent = current[36:52] if current and current[3:35] == trace_id else parent_of(header) if same else None
    told = x_amzn_trace_id(trace_id, parent)
    return f"{told};Sampled={int(sampled(header))}" if same else told


def new_trace_id() -> str:
    """The trace id of what begins here: that of Lambda's invocation, else a new one."""
    return trace_id_of(invocation()) or secrets.token_hex(16)


def flush() -> None:
    """Send what was recorded, before Lambda freezes the process. Takes a second at most, and never fails."""
    recorder = _recorder()
    if recorder:
        recorder.flush()


def flushed[**P, R](handler: Callable[P, R]) -> Callable[P, R]:
    """A Lambda handler that sends its spans before it answers."""

    @wraps(handler)
    def flushing(*event_and_context: P.args, **named: P.kwargs) -> R:
        try:
            return handler(*event_and_context, **named)
        finally:
            flush()

    return flushing


def reset() -> None:
    """Close the exporter and forget it, so that the next span reads the environment again."""
    if _recorder.cache_info().currsize and (recorder := _recorder()):
        recorder.close()
    _recorder.cache_clear()


def error_type(error: BaseException) -> str:
    """How a failure is named in a span: by the platform's stable code, else by the exception's class."""
    code: Any = getattr(error, "code", None)
    return code if isinstance(code, str) else type(error).__qualname__
