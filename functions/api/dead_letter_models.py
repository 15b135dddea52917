"""What the routes of dead letters take and answer."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent_platform.events.dead_letters import Reason, Source
from agent_platform.storage.dead_letters import DeadLetter

LetterId = Annotated[str, Field(min_length=1, max_length=100)]


class DeadLetterDetail(DeadLetter):
    """A dead letter with what its work was, credentials masked."""

    payload: dict[str, Any]


class DiscardRequest(BaseModel):
    """Why the work is not done again."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Annotated[str, Field(min_length=1, max_length=500)]


class BulkRedriveRequest(BaseModel):
    """Which open letters to redrive: those named, or the newest of a source."""

    model_config = ConfigDict(extra="forbid", strict=True)

    source: Source
    ids: Annotated[list[LetterId], Field(min_length=1, max_length=100)] | None = None


class BulkRedriveAnswer(BaseModel):
    """What came of them."""

    state: Literal["done", "time_is_up", "stopped"]
    redriven: list[str]
    failed: list[DeadLetter] = Field(description="Tried, failed again, and open with the new reason")
    skipped: list[str] = Field(description="Closed before, busy, of another source, or without an answer in time")
    left: list[str] = Field(description="Not done, since the time was up or a problem ended it: ask again")
    problem: Reason | None = Field(description="What ended it where it `stopped`; what is told above was done")
