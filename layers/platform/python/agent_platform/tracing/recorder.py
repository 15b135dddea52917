"""Records spans with OpenTelemetry's SDK and sends them at the end of each invocation, in the calling thread.

Not by the SDK's batch processor: its thread sleeps through the time in which Lambda freezes the process.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from opentelemetry import context as current
from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Decision, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)
from opentelemetry.util.types import Attributes

from agent_platform.observability import invocation, parent_of, sampled, trace_id_of
from agent_platform.settings import TracingSettings
from agent_platform.tracing import TRACEPARENT, Kind, Value, error_type
from agent_platform.tracing.exporters import Outbox, exporter

LONGEST_VALUE = 256
"""Characters of an attribute: they are ids, names and codes."""

_KINDS: dict[Kind, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}

_trace_id: ContextVar[str | None] = ContextVar("trace_id", default=None)
_span_id: ContextVar[str | None] = ContextVar("span_id", default=None)


class Recorder:
    """What a process records its spans with."""

    def __init__(self, settings: TracingSettings) -> None:
        self._outbox = Outbox(exporter(settings))
        decided = _AsLambdaDecided()
        self._provider = provider = TracerProvider(
            # None: what OTEL_TRACES_SAMPLER says, else everything.
            sampler=ParentBased(decided, remote_parent_sampled=decided) if settings.to_xray else None,
            resource=_resource(settings),
            shutdown_on_exit=False,
            id_generator=_Ids(),
            span_limits=SpanLimits(max_attribute_length=LONGEST_VALUE),
        )
        provider.add_span_processor(self._outbox)
        self._tracer = provider.get_tracer("agent_platform")

    @contextmanager
    def span(
        self, name: str, kind: Kind, attributes: Mapping[str, Value | None], links: Sequence[str | None]
    ) -> Iterator["RecordedSpan"]:
        """See `agent_platform.tracing.span`."""
        started = self._tracer.start_span(
            name,
            kind=_KINDS[kind],
            attributes=_known(attributes),
            links=[Link(context) for context in map(_remote, links) if context],
        )
        with api.use_span(started, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            recorded = RecordedSpan(started)
            try:
                yield recorded
            except BaseException as error:
                recorded.fail(error_type(error))
                raise

    def past_span(
        self,
        name: str,
        kind: Kind,
        trace: str,
        began: datetime,
        ended: datetime,
        attributes: Mapping[str, Value | None],
        span_id: str | None,
        parent: str | None,
        failure: str | None,
    ) -> None:
        """See `agent_platform.tracing.past_span`."""
        # Not under the invocation that hears of its end: that is none of its ancestors.
        remote = self._decided(trace, parent) if parent else _remote(trace)
        place = _under(remote) if remote else Context()
        with _given(_trace_id, None if remote else trace), _given(_span_id, span_id):
            span = self._tracer.start_span(
                name, place, _KINDS[kind], attributes=_known(attributes), start_time=_nanoseconds(began)
            )
        if failure:
            RecordedSpan(span).fail(failure)
        span.end(_nanoseconds(ended))

    @contextmanager
    def continued(self, trace: str, parent: str | None) -> Iterator[None]:
        """See `agent_platform.tracing.continue_trace`."""
        here = api.get_current_span().get_span_context()
        if here.is_valid and not parent and trace == api.format_trace_id(here.trace_id):
            yield
            return
        place, root = self._place(trace, parent)
        token = current.attach(place)
        try:
            with _given(_trace_id, root):
                yield
        finally:
            current.detach(token)

    def traceparent(self) -> str | None:
        """See `agent_platform.tracing.current_traceparent`."""
        here = api.get_current_span().get_span_context()
        if not here.is_valid:
            return None
        return f"00-{api.format_trace_id(here.trace_id)}-{api.format_span_id(here.span_id)}-{here.trace_flags:02x}"

    def flush(self) -> None:
        """See `agent_platform.tracing.flush`."""
        self._outbox.send()

    def close(self) -> None:
        """Send what is kept and close the connections."""
        self._outbox.send()
        self._outbox.shutdown()

    def _place(self, trace: str, parent: str | None) -> tuple[Context, str | None]:
        """The context that a span of `trace` starts in; and the trace's id, where it stands at the root of it."""
        remote = self._decided(trace, parent) if parent else _remote(trace) or _of_invocation(trace)
        return (_under(remote), None) if remote else (Context(), trace)

    def _decided(self, trace_id: str, span_id: str) -> SpanContext:
        """A span that only its id is known of, recorded or not as a new trace of that id would be."""
        trace = int(trace_id, 16)
        decision = self._provider.sampler.should_sample(Context(), trace, "").decision
        recorded = decision is Decision.RECORD_AND_SAMPLE
        flags = TraceFlags(TraceFlags.SAMPLED if recorded else TraceFlags.DEFAULT)
        return SpanContext(trace, int(span_id, 16), is_remote=True, trace_flags=flags)


class RecordedSpan:
    """A span of the SDK behind the platform's face."""

    __slots__ = ("_span",)

    def __init__(self, span: api.Span) -> None:
        self._span = span

    def set(self, attributes: Mapping[str, Value | None]) -> None:
        """See `agent_platform.tracing.Span`."""
        self._span.set_attributes(_known(attributes))

    def rename(self, name: str) -> None:
        """See `agent_platform.tracing.Span`."""
        self._span.update_name(name)

    def fail(self, error_type: str) -> None:
        """See `agent_platform.tracing.Span`."""
        if isinstance(self._span, SdkSpan) and self._span.status.status_code is StatusCode.ERROR:
            return  # the first failure is the cause
        self._span.set_attribute("error.type", error_type)
        self._span.set_status(Status(StatusCode.ERROR))


class _Ids(IdGenerator):
    """The ids that the platform has given already, else new ones.

    Not from `random`: instances restored from one snapshot would draw the same.
    """

    def generate_trace_id(self) -> int:
        given = _trace_id.get()
        return int(given, 16) if given else secrets.randbits(127) + 1

    def generate_span_id(self) -> int:
        given = _span_id.get()
        return int(given, 16) if given else secrets.randbits(63) + 1


class _AsLambdaDecided(Sampler):
    """Records what X-Ray records of this invocation, so that its sampling rules bound the cost; all outside Lambda."""

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        header = invocation()
        sampler = ALWAYS_OFF if header and not sampled(header) else ALWAYS_ON
        return sampler.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        return "AsLambdaDecided"


def _resource(settings: TracingSettings) -> Resource:
    """Who records: OpenTelemetry's conventions for services and functions."""
    told = {
        "service.name": settings.powertools_service_name,
        "service.namespace": "ai-agents-platform",
        "deployment.environment.name": settings.stage,
    }
    if settings.aws_lambda_function_name:
        told |= {
            "cloud.provider": "aws",
            "cloud.platform": "aws_lambda",
            "cloud.region": settings.aws_region,
            "faas.name": settings.aws_lambda_function_name,
            "faas.version": settings.aws_lambda_function_version,
        }
    return Resource.create({name: value for name, value in told.items() if value})


def _under(remote: SpanContext) -> Context:
    return api.set_span_in_context(NonRecordingSpan(remote), Context())


def _remote(traceparent: str | None) -> SpanContext | None:
    found = TRACEPARENT.fullmatch(traceparent or "")
    if not found:
        return None
    trace, span, flags = (int(part, 16) for part in found.groups())
    return SpanContext(trace, span, is_remote=True, trace_flags=TraceFlags(flags))


def _of_invocation(trace_id: str) -> SpanContext | None:
    """Lambda's own segment of this invocation, if it belongs to the trace."""
    header = invocation()
    parent = parent_of(header)
    if not parent or trace_id_of(header) != trace_id:
        return None
    flags = TraceFlags(TraceFlags.SAMPLED if sampled(header) else TraceFlags.DEFAULT)
    return SpanContext(int(trace_id, 16), int(parent, 16), is_remote=True, trace_flags=flags)


def _known(attributes: Mapping[str, Value | None]) -> dict[str, Value]:
    return {name: value for name, value in attributes.items() if value is not None}


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000


@contextmanager
def _given(variable: ContextVar[str | None], value: str | None) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)
