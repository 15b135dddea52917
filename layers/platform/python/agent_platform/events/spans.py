"""The spans of events on their way: OpenTelemetry's conventions for messaging. Each event carries its own trace."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from agent_platform import tracing
from agent_platform.events.envelope import CloudEvent


def record_sent(
    events: Sequence[CloudEvent], system: str, began: datetime, *, bus: str = "", refused: Collection[str] = ()
) -> None:
    """Events were sent in one call that began then: a span for each, in the trace that it tells of.

    Args:
        system: `kafka`, `aws_eventbridge` or `aws_sqs`.
        bus: where they went; left out, each went to the topic of its type.
        refused: ids of those that were not taken.
    """
    if not tracing.is_on():
        return
    ended = datetime.now(UTC)
    for event in events:
        if event.traceparent:
            tracing.past_span(
                f"send {bus or event.type}",
                event.traceparent,
                began,
                ended,
                _about("send", system, bus or event.type) | {"messaging.message.id": event.id},
                kind="producer",
                error_type="refused" if event.id in refused else None,
            )


def process_span(events: Sequence[CloudEvent | None], system: str, source: str) -> AbstractContextManager[tracing.Span]:
    """Around the work on one batch from `source`: a span linked with the trace of each event that could be read."""
    about = _about("process", system, source) | {"messaging.batch.message_count": len(events)}
    links = [event.traceparent for event in events if event is not None]
    return tracing.span(f"process {source}", "consumer", about, links=links)


def _about(operation: str, system: str, destination: str) -> dict[str, tracing.Value | None]:
    return {
        "messaging.system": system,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": destination,
    }
