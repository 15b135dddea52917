"""Lambda entry: keep events of Kafka topics or of a queue in the audit log, and advance the projections."""

from functools import cache, partial
from typing import Any

from agent_platform.analytics.projections import Projections
from agent_platform.errors import StorageUnavailable
from agent_platform.events.dead_letters import send_letter
from agent_platform.events.incoming import Incoming
from agent_platform.observability import get_logger
from agent_platform.settings import ProjectEventsSettings, load
from agent_platform.storage.audit import AuditLog
from agent_platform.storage.postgres import credentials_from, open_engine
from agent_platform.storage.projections import ProjectionTables
from agent_platform.tracing import flushed
from functions.project_events.projector import EventProjector
from functions.project_events.requests import KafkaRange, read_order
from functions.project_events.retries import bring_back_soon

RESERVE_MILLISECONDS = 10_000
"""No chunk of the log is begun with less time left: one takes a second or two, and letters are sent afterwards."""

log = get_logger()


def projector_of(env: ProjectEventsSettings) -> EventProjector:
    """What projects, on this function's database and queue."""
    engine = open_engine(partial(credentials_from, env.database_secret_arn))

    def read_range(wanted: KafkaRange) -> list[Incoming]:
        from agent_platform.events.topics import read_range as read  # Kafka's client is loaded for a redrive alone

        return read(env, wanted.topic, wanted.partition, wanted.first, wanted.last)

    send = partial(send_letter, env.dead_letters_queue_url)
    return EventProjector(AuditLog(engine), Projections(ProjectionTables(engine)), send, read_range)


@cache
def _projector() -> EventProjector:
    return projector_of(load(ProjectEventsSettings))


@flushed
@log.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take a batch, or do what an operator asks for; what shall be tried again as a whole is raised."""

    def time_left() -> bool:
        return bool(context.get_remaining_time_in_millis() > RESERVE_MILLISECONDS)

    if "Records" in event:
        try:
            return _projector().take(event, time_left)
        except StorageUnavailable:
            bring_back_soon(event, load(ProjectEventsSettings).projection_queue_url)
            raise
    if "records" in event:
        return _projector().take(event, time_left)
    return _projector().carry_out(read_order(event), time_left)
