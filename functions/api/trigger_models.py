"""What the routes of triggers take and answer."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from agent_platform.errors import InvalidInput
from agent_platform.events.envelope import EventType
from agent_platform.storage.executions import Timestamp
from agent_platform.storage.postgres_text import holds_nul
from agent_platform.workflows.timing import read_timing
from agent_platform.workflows.trigger_order import TriggerOrder
from functions.api.models import Body, Printable

if TYPE_CHECKING:
    from agent_platform.storage.triggers import Trigger

Cron = Annotated[
    str,
    Field(
        max_length=100,
        description="Minute, hour, day of the month, month, day of the week, as in crontab",
        examples=["0 8 * * MON-FRI"],
    ),
]
Rate = Annotated[
    str,
    Field(max_length=30, description="A number with minutes, hours or days", examples=["15 minutes"]),
]
At = Annotated[
    str,
    Field(
        max_length=40,
        description="One moment: RFC 3339, or without an offset as the clock shows it in `timezone`",
        examples=["2027-01-04T08:00:00"],
    ),
]
TimeZone = Annotated[
    str, Field(max_length=60, description="IANA name of the clock's time zone", examples=["Europe/Berlin"])
]
Match = dict[str, list[str | int | bool]]


class ScheduleRequest(Body):
    """When to run: exactly one of `cron`, `rate` and `at`."""

    cron: Cron | None = None
    rate: Rate | None = None
    at: At | None = None
    timezone: TimeZone = "UTC"


class EventRequest(Body):
    """What to run after: facts about my own executions and runs, which the platform tells."""

    type: EventType
    match: Match = Field(
        default={},
        description="Fields of the event's `data` with the values that they may have, such as agent_id",
        examples=[{"status": ["failed"], "agent_id": ["finance-accounting/three-way-match-checker"]}],
    )


class NewTrigger(Body):
    """A workflow that is run by itself: by the clock, or after an event."""

    workflow_id: Annotated[str, Field(max_length=100, examples=["019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"])]
    title: Annotated[
        Annotated[str, Printable] | None,
        Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$", description="What to call it"),
    ] = None
    schedule: ScheduleRequest | None = None
    event: EventRequest | None = None
    input: dict[str, Any] = Field(
        default={},
        description="The input of each run: a template that may refer to `${schedule.time}`, or to the event, as in "
        "`${event.data.agent_id}`",
        examples=[{"day": "${schedule.time}"}],
    )

    @property
    def order(self) -> TriggerOrder:
        """What the platform is asked for.

        Raises:
            InvalidInput: it holds what no text has.
        """
        if holds_nul(self.model_dump()):
            raise InvalidInput("The trigger holds a NUL character, which no text has.")
        return TriggerOrder(
            workflow_id=self.workflow_id,
            title=self.title,
            schedule=self.schedule.model_dump(exclude_none=True) if self.schedule else None,
            event=self.event.model_dump() if self.event else None,
            input=self.input,
        )


class ScheduleView(BaseModel):
    """When it runs."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    cron: str | None = None
    rate: str | None = None
    at: str | None = None
    timezone: str


class EventView(BaseModel):
    """What it runs after."""

    type: EventType
    match: Match


class TriggerError(BaseModel):
    """Why no run was started the last time."""

    code: str
    message: str
    at: Timestamp


class TriggerView(BaseModel):
    """A trigger of mine."""

    id: str
    workflow_id: str
    workflow_title: str
    kind: Literal["schedule", "event"]
    title: str
    schedule: ScheduleView | None
    event: EventView | None
    input: dict[str, Any]
    status: Literal["active", "paused", "over"] = Field(description="over: its only moment has passed")
    next_at: list[Timestamp] = Field(description="When it runs next, three times at most; empty for events and rates")
    created_at: Timestamp
    last_fired_at: Timestamp | None
    last_run_id: str | None
    last_error: TriggerError | None = Field(description="null if the last time went well")
    key_id: str | None = Field(
        description="The API key that made it, whose bounds and end are those of its runs; null for a person"
    )

    @classmethod
    def of(cls, trigger: "Trigger") -> Self:
        """What its owner sees of it."""
        now = datetime.now(UTC)
        timing = read_timing(trigger.settings) if trigger.kind == "schedule" else None
        over = timing is not None and timing.is_over(now)
        return cls(
            id=trigger.id,
            workflow_id=trigger.workflow_id,
            workflow_title=trigger.workflow_title,
            kind=trigger.kind,
            title=trigger.title,
            schedule=ScheduleView.model_validate(trigger.settings) if timing else None,
            event=None if timing else EventView.model_validate(trigger.settings),
            input=trigger.input,
            status="over" if over else "paused" if trigger.paused else "active",
            next_at=timing.next_times(now) if timing and not trigger.paused else [],
            created_at=trigger.created_at,
            last_fired_at=trigger.last_fired_at,
            last_run_id=trigger.last_run_id,
            last_error=TriggerError.model_validate(trigger.last_error) if trigger.last_error else None,
            key_id=trigger.key_id,
        )


class TriggerPage(BaseModel):
    """One page of triggers, the newest first."""

    items: list[TriggerView]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last one")
