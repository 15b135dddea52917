"""What the projections hold, in the shape of `tests.fakes.generated_events.recount`."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, select

from agent_platform.storage.acting import PLATFORM
from agent_platform.storage.models import UsageErrors, UsageLatency, UsageRecord, WorkflowHistoryRecord
from agent_platform.storage.postgres import transaction

Rows = dict[tuple[Any, ...], tuple[Any, ...]]


def projected(engine: Engine) -> dict[str, Rows]:
    """Every row of every table: key → values."""
    with transaction(engine, PLATFORM) as session:
        return {
            table.__tablename__: {
                tuple(_plain(each) for each in row[:keys]): tuple(_plain(each) for each in row[keys:])
                for row in session.execute(select(*table.__table__.columns))
            }
            for table, keys in ((UsageRecord, 6), (UsageLatency, 7), (UsageErrors, 6), (WorkflowHistoryRecord, 1))
        }


def _plain(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value
